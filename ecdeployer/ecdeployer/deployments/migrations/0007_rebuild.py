from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("deployments", "0006_of_live"),
    ]

    operations = [
        migrations.AlterField(
            model_name="deployment",
            name="failed_step",
            field=models.CharField(
                blank=True,
                choices=[
                    ("preflight", "Read the repository"),
                    ("launch", "Launch the instance"),
                    ("boot", "Boot"),
                    ("clone", "Clone the commit"),
                    ("venv", "Create the virtual environment"),
                    ("install", "Install dependencies"),
                    ("configure", "Configure gunicorn, nginx and supervisor"),
                    ("collectstatic", "Collect static files"),
                    ("migrate", "Migrate the database"),
                    ("start", "Start"),
                    ("health", "Check the site"),
                    ("move", "Move the data"),
                    ("address", "Move the address"),
                ],
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="deployment",
            name="kind",
            field=models.CharField(
                choices=[
                    ("first", "first deployment"),
                    ("later", "deployment"),
                    ("rollback", "rollback"),
                    ("rebuild", "rebuild of the machine"),
                ],
                max_length=8,
            ),
        ),
        migrations.AlterField(
            model_name="step",
            name="name",
            field=models.CharField(
                choices=[
                    ("preflight", "Read the repository"),
                    ("launch", "Launch the instance"),
                    ("boot", "Boot"),
                    ("clone", "Clone the commit"),
                    ("venv", "Create the virtual environment"),
                    ("install", "Install dependencies"),
                    ("configure", "Configure gunicorn, nginx and supervisor"),
                    ("collectstatic", "Collect static files"),
                    ("migrate", "Migrate the database"),
                    ("start", "Start"),
                    ("health", "Check the site"),
                    ("move", "Move the data"),
                    ("address", "Move the address"),
                ],
                max_length=16,
            ),
        ),
    ]
