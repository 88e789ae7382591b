from django.forms import modelform_factory
from django.shortcuts import redirect, render

from .models import Entry

EntryForm = modelform_factory(Entry, fields=["name", "message"])


def guestbook(request):
    form = EntryForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        form.save()
        return redirect("guestbook")
    return render(request, "entries/guestbook.html", {"form": form, "entries": Entry.objects.all()[:50]})
