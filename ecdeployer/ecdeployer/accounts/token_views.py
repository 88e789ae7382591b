"""A person's own tokens of the API: listed, made, revoked."""

from django.contrib import messages
from django.db import IntegrityError, transaction
from django.db.models import F
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from . import tokens
from .forms import TokenForm
from .models import ApiToken
from .requests import SignedInRequest, signed_in

LISTED = 2 * tokens.MOST


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@signed_in
@sensitive_variables("made")
def list_tokens(request: SignedInRequest) -> HttpResponse:
    """The list, and the form for a new one; the answer to the form is the only page that shows a token."""
    form = TokenForm(request.POST if request.method == "POST" else None, user=request.user)
    made = _make(request, form) if form.is_valid() else None
    if made is not None:
        form = TokenForm(user=request.user)
    listed = request.user.api_tokens.order_by(F("revoked_at").desc(nulls_first=True), "-created_at", "-pk")
    context = {"form": form, "made": made, "tokens": listed[:LISTED]}
    status = 201 if made else 422 if form.is_bound else 200
    return render(request, "account/tokens.html", context, status=status)


def _make(request: SignedInRequest, form: TokenForm) -> tuple[ApiToken, str] | None:
    try:
        with transaction.atomic():
            return tokens.create(request.user, **form.cleaned_data)
    except IntegrityError:
        form.add_error("name", "You have a token of this name since a moment ago. Choose another name.")
        return None


@require_POST
@signed_in
def revoke_token(request: SignedInRequest, pk: int) -> HttpResponse:
    token = get_object_or_404(request.user.api_tokens.select_related("user"), pk=pk)
    if tokens.revoke(token):
        messages.success(request, f"{token.name} is revoked: what uses it is refused from now on.")
    else:
        messages.info(request, f"{token.name} was revoked already.")
    return redirect("tokens:list")
