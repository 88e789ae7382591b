from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from . import audit
from .forms import ProfileForm
from .requests import SignedInRequest, signed_in


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def profile(request: SignedInRequest) -> HttpResponse:
    """A person's own profile: there is no address for anybody else's."""
    form = ProfileForm(request.POST or None, initial={"time_zone": request.user.time_zone})
    if not form.is_valid():
        return render(request, "account/profile.html", {"form": form}, status=422 if form.is_bound else 200)
    request.user.time_zone = form.cleaned_data["time_zone"]
    with transaction.atomic():
        request.user.save(update_fields=["time_zone"])
        audit.note("profile changed", by=request.user, detail=f"time zone {request.user.time_zone}")
    messages.success(request, f"Times are shown in {request.user.time_zone} now.")
    return redirect("profile")
