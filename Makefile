# Each word sets up what it needs in .uv/, .venv/ and build/; a machine needs python3, make and git.
# More for a command: make test ARGS="-k hooks"

ifneq ($(shell command -v uv),)
UV := uv
else
UV := .uv/bin/uv
endif
BAKE := $(UV) run cookiecutter . --no-input --default-config --overwrite-if-exists --output-dir build
# A project's environment with every engine, and the template's own folder as the current one.
IN_PLACE := PYTHONPATH=kit/src $(UV) run --project "$(CURDIR)/build/check" --directory '{{cookiecutter.project_slug}}'

.PHONY: help demo test bench storm check format uv
help: ## list these words
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

demo: $(UV) ## bake the default project into build/demo (its data stays), run it on http://127.0.0.1:8000
	$(BAKE) project_slug=demo
	$(UV) run --directory build/demo manage dev $(ARGS)

test: $(UV) ## run the whole suite: hooks, options, and each baked project's own checks
	$(UV) run pytest $(ARGS)

bench: $(UV) ## run the benchmarks; a table of ratios comes at the end
	$(BAKE) project_slug=bench
	$(UV) run --project "$(CURDIR)/build/bench" python benchmarks/run.py $(ARGS)

storm: $(UV) ## kill things while people register, here and with the usual patterns; count lost e-mails
	$(BAKE) project_slug=bench
	$(UV) run --project "$(CURDIR)/build/bench" python benchmarks/storm.py $(ARGS)

check: $(UV) ## lint and check the types, of the template's own code and of the app in place
	$(UV) run ruff check
	$(UV) run ruff format --check
	$(UV) run mypy
	@$(MAKE) --no-print-directory build/check
	$(IN_PLACE) ruff check app kit migrations tests
	$(IN_PLACE) ruff format --check app kit migrations tests
	$(IN_PLACE) mypy app kit/src migrations tests ../tests/inside
	$(IN_PLACE) lint-imports --no-logo pyproject.toml kit/pyproject.toml

.PHONY: build/check
build/check: $(UV)
	@rm -rf build/check/app build/check/kit build/check/migrations build/check/tests
	$(BAKE) project_slug=check
	@sed -i 's/"kit\[celery\]"/"kit[celery,dramatiq,rq]"/' build/check/pyproject.toml

format: $(UV) ## sort the imports and format the code, of the app too
	$(UV) run ruff check --select I --fix . '{{cookiecutter.project_slug}}'
	$(UV) run ruff format . '{{cookiecutter.project_slug}}'

# A machine without uv gets one in .uv/, of this folder only.
.uv/bin/uv:
	@echo "No uv found: installing it into .uv/"
	@python3 -m venv .uv && .uv/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.13,<0.14' \
	|| python3 -m pip install --quiet --disable-pip-version-check --target .uv 'uv>=0.13,<0.14' \
	|| { rm -rf .uv; \
	echo 'uv could not be installed. Install it (https://docs.astral.sh/uv), or let Python make environments' >&2; \
	echo '(Debian, Ubuntu: apt install python3-venv), and try again.' >&2; exit 1; }
