"""Whole objects for those that photos show only in part: given, made from hull and symmetry, or generated."""

from splatsmith.complete.proxies.request import ChosenView, Proxy, ProxyGenerator, Request, Surface

__all__ = ["ChosenView", "Proxy", "ProxyGenerator", "Request", "Surface"]
