"""Where Allure's tree of suites has a test: under its rollout and its step."""

from __future__ import annotations

from collections.abc import Mapping

import allure
import pytest

from canarytest.plugin.steps import label_of


class AllureLabels:
    """The hook of a process that runs tests whose results go to Allure."""

    def __init__(self, parent_suite: str, found_by: Mapping[str, str]) -> None:
        self._parent_suite = parent_suite
        self._found_by = found_by  # labels that all results of the rollout have

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> object:
        """Label the result before anything can skip the test."""
        allure.dynamic.parent_suite(self._parent_suite)
        allure.dynamic.suite(label_of(item))
        allure.dynamic.sub_suite(item.nodeid.partition("::")[0])
        for name, value in self._found_by.items():
            allure.dynamic.label(name, value)
        return (yield)
