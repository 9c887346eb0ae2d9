"""The composition root: settings, the embedded Postgres, the command line, the web application and its processes."""
