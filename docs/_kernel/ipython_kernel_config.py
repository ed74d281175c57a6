"""Settings of the kernel that executes the gallery."""

c = get_config()  # noqa: F821  IPython gives it to its configuration files
c.IPKernelApp.log_level = (
    "ERROR"  # each kernel says that it talks without encryption; it talks to this machine only
)
