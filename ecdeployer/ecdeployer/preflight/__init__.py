"""What can be known of a repository before anything is launched. Nothing of it is ever run."""
