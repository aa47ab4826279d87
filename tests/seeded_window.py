"""The two days that tests of stored reads share; `WORST` is the candle that differs most."""

from tests.dashboard.seed_plan import Plan

PLAN = Plan(days=2)
OPENS = PLAN.opens
WORST = OPENS[200].to_pydatetime()
