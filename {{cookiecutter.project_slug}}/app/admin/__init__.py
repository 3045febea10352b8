"""What whoever runs this looks at: jobs and users at /admin, `/metrics`, the digest of failures."""
