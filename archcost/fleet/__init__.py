"""A search's crew on other machines: Dask carries the jobs, and the coordinator alone keeps what comes back."""
