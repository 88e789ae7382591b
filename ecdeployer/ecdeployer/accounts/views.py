from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from . import audit
from .forms import FirstOperatorForm, ProfileForm
from .models import User
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


@require_http_methods(["GET", "HEAD", "POST"])
def first_operator(request: HttpRequest) -> HttpResponse:
    """There is no such page where the operator has set no code, or once there is a superuser."""
    if not settings.FIRST_OPERATOR_SHA256 or User.objects.filter(is_superuser=True).exists():
        raise Http404
    form = FirstOperatorForm(request.POST or None)
    if not form.is_valid():
        status = 422 if form.is_bound else 200
        return render(request, "account/first_operator.html", {"form": form}, status=status)
    with transaction.atomic():
        user = form.save()
        audit.note("first operator made", by=user)
    login(request, user)
    return redirect("home")
