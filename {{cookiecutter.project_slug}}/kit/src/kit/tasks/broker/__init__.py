"""What the engines with a broker share: telling it of jobs, and running those that it names."""
