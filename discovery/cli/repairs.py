"""`cachemuster repairs`: print one script that repairs what an audit finds."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from discovery.cli.options import common, with_common, with_only, with_output, with_progress
from discovery.cli.output import open_destination
from discovery.cli.settings import configuration_path
from discovery.cli.streams import stderr_line
from discovery.model.codes import FindingCode, Severity
from discovery.model.values import Scope
from discovery.reports.exit import Exit, exit_code

if TYPE_CHECKING:
    from datetime import timedelta

    from discovery.aws.cloud import Cloud
    from discovery.reports.repairs.collect import Selection
    from discovery.reports.repairs.script import Access


@click.command(name="repairs")
@with_only
@click.option(
    "--finding",
    "codes",
    type=click.Choice([code.value for code in FindingCode]),
    metavar="CODE",
    multiple=True,
    help="Only findings of this code, however severe; may be repeated.",
)
@click.option(
    "--severity",
    type=click.Choice([Severity.BLOCKER.value, Severity.WARNING.value]),
    help="Only findings at least this severe.  [default: warning]",
)
@with_progress
@with_output
@with_common
def command(
    only: tuple[Scope, ...],
    codes: tuple[str, ...],
    severity: str | None,
    progress_interval: timedelta | None,
    output: Path | None,
) -> Exit:
    """Print a shell script that repairs the IAM findings of an audit.

    Nothing is changed by this command, and the control plane is not asked. Read the script, then
    run it with `sh`; it needs the AWS CLI. It goes by account and region, assuming the roles of
    the configuration, and repairs each cache that a matcher takes in one way, the least intrusive:
    it switches a member on, else adds an IAM user who is there, else creates one. Other ways, and
    what would take access from anybody, stand in it as comments. It waits for AWS, goes on after a
    failure, and may be run again.

    \b
    Who runs the script needs sts:AssumeRole and, in each account, of elasticache:
    CreateUser, CreateUserGroup, ModifyUser, ModifyUserGroup,
    ModifyServerlessCache, DescribeUsers, DescribeUserGroups and
    DescribeServerlessCaches. `cachemuster policies repairs` prints the policy.
    The role that cachemuster reads with has no use for it: REPAIR_ROLE=NAME makes
    the script assume another role in each account.

    \b
    Examples:
      cachemuster repairs -o repairs.sh && less repairs.sh && sh repairs.sh
      cachemuster repairs --only 111122223333/eu-west-1 --severity blocker
      cachemuster repairs --finding USER_DISABLED --finding NO_IAM_USER

    \b
    Exit: 0 done, 1 could not, 3 some scope failed, 64 usage, 78 configuration,
    130/143 interrupted.
    """
    from discovery.cli.reporting import run_for_report
    from discovery.cli.setup import run_audit
    from discovery.plan.targets import ScopeFilter
    from discovery.reports.repairs.collect import collect_repairs
    from discovery.reports.repairs.script import overview, write_script
    from discovery.reports.summary import sentence
    from discovery.sweep.context import SweepRequest

    request = SweepRequest(
        scope_filter=ScopeFilter(only=only), refresh_regions=True, asks_control_plane=False
    )
    clouds: list[Cloud] = []
    path = configuration_path(common())
    with open_destination(output) as destination:
        start = partial(run_audit, path, request, on_finished=clouds.append)
        report, terminated = run_for_report(start, progress_interval)
        code = exit_code(report, terminated=terminated)
        if code in (Exit.FAILED, Exit.INTERRUPTED, Exit.TERMINATED):
            stderr_line(f"{report.error or report.stop_message}. No script was written.")
            return code
        repairs = collect_repairs(report, _selection(codes, severity))
        access = _access(clouds[0], {each.scope for each in repairs})
        destination.write(lambda stream: write_script(report, repairs, access, stream))
        stderr_line(sentence(report))
        stderr_line(f"The script repairs {overview(repairs)}." if repairs else "Nothing to repair.")
        return code


def _selection(codes: tuple[str, ...], severity: str | None) -> Selection:
    from discovery.reports.repairs.collect import Selection

    least = Severity.INFO if codes else Severity.WARNING
    return Selection(
        codes=frozenset(map(FindingCode, codes)), least=Severity(severity) if severity else least
    )


def _access(cloud: Cloud, scopes: set[Scope]) -> Access:
    """How the script is to enter the accounts: as the audit did."""
    from discovery.reports.repairs.script import Access

    accounts = {scope.account_id for scope in scopes}
    return Access(
        roles={account_id: cloud.accounts.role_entry(account_id) for account_id in accounts},
        profile=cloud.settings.profile,
        sts_region=cloud.home_region,
    )
