"""What holds for every test: examples that are drawn are the same in every run, and no time is measured on them."""

from hypothesis import HealthCheck, settings

settings.register_profile("openbook", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("openbook")
