from django.db import migrations


class Migration(migrations.Migration):
    """By itself: PostgreSQL alters no table whose rows the same transaction has just been pointed at."""

    dependencies = [
        ("commands", "0003_output_in_parts"),
    ]

    operations = [
        migrations.RemoveField(model_name="command", name="output"),
    ]
