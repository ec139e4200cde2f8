"""`python -m tests.worker.day --customers 200 --hours 24` prints what it has shown; 1 if it went wrong."""

import argparse
import sys

from tests.worker.day.day import Course, Seen, a_day


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--customers", type=int, default=200)
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--minutes", type=float, default=6.0, help="how long the day takes here")
    parser.add_argument("--grace-days", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    course = Course(given.customers, given.hours, given.minutes, given.seed, given.grace_days)
    seen = a_day(course, lambda line: print(line, flush=True))
    _report(course, seen)
    return 1 if seen.wrong else 0


def _report(course: Course, seen: Seen) -> None:
    first, last = seen.samples[len(seen.samples) // 2], seen.samples[-1]
    hours = sorted(seen.setup_hours)
    print(f"{course.customers} customers, {course.hours:g} h at {course.rate:g} times the speed")
    print(
        f"memory: {first.memory:.1f} MB at {first.hours:.1f} h, {last.memory:.1f} MB at {last.hours:.1f} h,"
    )
    print(f"  {seen.memory_an_hour():+.2f} MB an hour; descriptors {seen.descriptors_an_hour():+.2f} an hour")
    print(
        f"descriptors: {first.descriptors} to {last.descriptors}; threads {first.threads} to {last.threads}"
    )
    print(f"files in the state: {first.files} to {last.files}")
    print(f"states: {dict(seen.states)}; settled {seen.settled_after:.1f} h after the trouble")
    if hours:
        median, most = (60 * one for one in (hours[len(hours) // 2], hours[-1]))
        print(f"payment to first message: median {median:.0f} min, most {most:.0f} min")
    print(f"lines of runs: {dict(seen.runs)}; single faults: {seen.faults}")
    print(f"requests to the cloud: {seen.requests}, busiest minute {seen.busiest_minute}")
    print(f"e-mails to the operator: {seen.alerts.total()}")
    for subject, count in sorted(seen.alerts.items()):
        print(f"  {count} × {subject}")
    for one in seen.wrong:
        print(f"WRONG {one}")


if __name__ == "__main__":
    sys.exit(main())
