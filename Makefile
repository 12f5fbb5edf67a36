# Two commands do all the set-up on a machine with Python 3.11 or newer, git and make:
#   make plan    plans the founding case and leaves studies/loi-2025/report.html
#   make test    runs the tests
PYTHON ?= python3
VENV ?= .venv
SCENARIO ?= loi-2025
bin := $(VENV)/bin

.PHONY: plan test lint lock clean

plan: $(VENV)/run.ok
	$(bin)/gigawatt plan $(SCENARIO)

test: $(VENV)/dev.ok
	$(bin)/pytest -n 2 --dist worksteal

lint: $(VENV)/dev.ok
	$(bin)/ruff check
	$(bin)/ruff format --check
	$(bin)/mypy
	$(bin)/lint-imports

# Lock files hold exact versions for every supported Python; `make lock` renews them.
lock: $(VENV)/dev.ok
	$(bin)/pip install --quiet uv
	$(bin)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-emit-index-url --no-annotate --no-header \
		pyproject.toml -o requirements/run.txt
	$(bin)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-emit-index-url --no-annotate --no-header \
		pyproject.toml --group dev -o requirements/dev.txt

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist

$(VENV)/run.ok: requirements/run.txt pyproject.toml
	test -x $(bin)/python || $(PYTHON) -m venv $(VENV)
	$(bin)/python -m pip install --quiet --disable-pip-version-check -r requirements/run.txt
	$(bin)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

$(VENV)/dev.ok: requirements/dev.txt $(VENV)/run.ok
	$(bin)/python -m pip install --quiet --disable-pip-version-check -r requirements/dev.txt
	touch $@
