# Everything runs from .venv; see README.md.
.PHONY: venv demo test check bench campaign lock

venv: .venv/.ready

.venv/.ready: requirements.lock pyproject.toml scripts/venv
	@./scripts/venv

# The main job, from an empty machine to the bot's answer, on the sandbox. KEEP=1 leaves it up.
demo: venv
	@.venv/bin/provisioner demo $(if $(KEEP),--keep) $(if $(FAST),--fast)

# Each of these has at least 90 percent of its lines and branches covered.
COVERED = customers filesystem runs steps playbook ssh services messaging payments worker
test: venv
	@.venv/bin/provisioner sandbox prepare --tests
	# Much of it waits for machines to boot and install: two files at a time make use of that, in their
	# order, so that the longest (campaigns, e2e) do not come last.
	.venv/bin/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder --cov --cov-report= --durations 25
	@for room in $(COVERED); do \
		printf '%-11s' "$$room" && .venv/bin/coverage report --include="provisioner/$$room/*" --format=total --fail-under=90 || exit 1; \
	done

check: venv
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports --no-logo --no-cache

bench: venv
	@.venv/bin/provisioner sandbox prepare --tests
	.venv/bin/pytest tests/benchmarks -s --timeout 3600

# Kills, faults and contention at length, then code that is broken on purpose (tests/mutation).
# KILLS=5000, SEED=… repeats one, MINUTES=90 and MUTATION_MINUTES=20 are the most that each part takes.
campaign: .venv/.mutation
	@.venv/bin/provisioner sandbox prepare --tests
	.venv/bin/python -m tests.campaigns.forms --kills $(or $(KILLS),5000) --minutes $(or $(MINUTES),90) $(if $(SEED),--seed $(SEED))
	.venv/bin/python -m tests.mutation --minutes $(or $(MUTATION_MINUTES),20) $(if $(SEED),--seed $(SEED))

.venv/.mutation: tests/mutation/requirements.lock .venv/.ready
	.venv/bin/python -m pip install --quiet --require-hashes --requirement tests/mutation/requirements.lock
	@touch .venv/.mutation

# Pins every dependency by version and hash, without the addresses of registries.
lock: venv
	python3 -m venv build/lock
	build/lock/bin/pip install --quiet uv==0.13.9
	build/lock/bin/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes \
		--no-header --no-emit-index-url --quiet --output-file requirements.lock
	build/lock/bin/uv pip compile tests/mutation/requirements.in --constraint requirements.lock --universal \
		--python-version 3.11 --generate-hashes --no-header --no-emit-index-url --quiet \
		--output-file tests/mutation/requirements.lock
