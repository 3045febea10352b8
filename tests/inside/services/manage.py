"""`python -m inside.services.manage ARGUMENTS`: manage, with the tasks of these tests."""

if __name__ == "__main__":
    from kit.cli import main

    import inside.services.jobs
    import inside.tasks.jobs  # noqa: F401

    main()
