"""The kinds of tasks."""

from cascade.desk.families.base import Brief, Family, Level
from cascade.desk.families.customers import CUSTOMER_FAMILIES
from cascade.desk.families.lists import LIST_FAMILIES
from cascade.desk.families.money import MONEY_FAMILIES
from cascade.desk.families.orders import ORDER_FAMILIES

__all__ = ["FAMILIES", "Brief", "Family", "Level"]

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (*ORDER_FAMILIES, *CUSTOMER_FAMILIES, *MONEY_FAMILIES, *LIST_FAMILIES)
}
"""Every family by name, routine ones first."""
