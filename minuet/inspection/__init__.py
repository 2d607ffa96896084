"""Looks at sagas: which there are, where one stands, and how it came there. Changes nothing."""

from __future__ import annotations
