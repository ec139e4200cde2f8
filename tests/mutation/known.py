"""Mutants that have lived once: code that was broken on purpose and no test noticed, and who notices now.

`make test` demands that each text is still there; `make campaign` breaks a copy of the code and runs these
tests.
"""

from dataclasses import dataclass
from pathlib import Path

from tests.mutation.tree import ROOT, Tree, Verdict

_WITHIN = 300.0


@dataclass(frozen=True)
class Known:
    """What is broken: `old`, once in `file`, becomes `new`; `tests` notice.

    With `on_machine` they need a real server.
    """

    what: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    on_machine: bool = False

    def broken(self, root: Path = ROOT) -> str:
        """The file with the breakage; ValueError if the code has moved away."""
        text = (root / self.file).read_text()
        if text.count(self.old) != 1:
            raise ValueError(f"{self.what}: {self.old!r} is {text.count(self.old)} times in {self.file}")
        return text.replace(self.old, self.new)

    def judge(self, tree: Tree) -> Verdict:
        """What the tests say about the code as it is broken; they have passed on the whole one."""
        with tree.broken(self.file, self.broken(tree.root)):
            return self.ask(tree)

    def ask(self, tree: Tree) -> Verdict:
        """What they say about the code as it is."""
        return tree.test(self.tests, within=_WITHIN, on_machine=self.on_machine)


_HOSTILE = "tests/playbook/test_hostile.py"
_WIRE = "tests/services/digitalocean/test_transport.py"
_OPENSSH = "tests/ssh/test_openssh.py::test_nobody_else_is_asked_for_keys_or_settings"
_TRUST = "tests/services/test_trust.py"
_SHIPPED = "tests/playbooks/test_shipped.py"
_SSHD = f"{_SHIPPED}::test_ssh_is_for_root_with_a_key_of_roots_own_file_and_for_nothing_else"
_PRINTED = (f"{_HOSTILE}::test_what_the_server_prints_is_cleaned_of_secrets_here_too",)

_SYNCED = ("tests/customers/files/test_durability.py",)

KNOWN: tuple[Known, ...] = (
    Known(
        "a file is not synced",
        "provisioner/filesystem/durable.py",
        "        os.fsync(handle)\n\n    def close",
        "        pass\n\n    def close",
        _SYNCED,
    ),
    Known(
        "a folder is not synced",
        "provisioner/filesystem/durable.py",
        "            os.fsync(handle)\n        finally",
        "            pass\n        finally",
        _SYNCED,
    ),
    Known(
        "DigitalOcean's certificate is not looked at",
        "provisioner/services/digitalocean/transport.py",
        "                allow_redirects=False,\n",
        "                allow_redirects=False,\n                verify=False,\n",
        (f"{_WIRE}::test_a_certificate_that_nobody_vouches_for_is_refused_before_the_token_is_sent",),
    ),
    Known(
        "a POST is repeated after it was sent",
        "provisioner/services/digitalocean/transport.py",
        "return not error.report.sent and not _creates_droplet(method, url)",
        "return not _creates_droplet(method, url)",
        (f"{_WIRE}::test_no_post_is_repeated_after_it_was_sent",),
    ),
    Known(
        "the cause of an error has secrets",
        "provisioner/playbook/execute.py",
        "            cause=self._redact(cause),\n",
        "            cause=cause,\n",
        (f"{_HOSTILE}::test_a_failure_is_told_without_secrets",),
    ),
    Known(
        "a task's output has secrets",
        "provisioner/playbook/journal.py",
        'output=self._redact(line["output"])',
        'output=line["output"]',
        _PRINTED,
    ),
    Known(
        "a registered value has secrets",
        "provisioner/playbook/journal.py",
        'self._redact(line["value"])',
        'line["value"]',
        _PRINTED,
    ),
    Known(
        "an event's details have secrets",
        "provisioner/runs/work.py",
        "record.add_event(event, self.redact(details), by=actor())",
        "record.add_event(event, details, by=actor())",
        ("tests/runs/test_runner.py::test_what_env_holds_is_in_no_event_no_log_and_nothing_that_is_told",),
    ),
    Known(
        "the silence of a run is noticed after hours",
        "provisioner/playbook/execute.py",
        "_SILENCE_SECONDS = 20\n",
        "_SILENCE_SECONDS = 20_000\n",
        (f"{_HOSTILE}::test_silence_is_noticed_after_twenty_seconds",),
    ),
    Known(
        "ssh reads the settings of whoever calls it",
        "provisioner/ssh/openssh.py",
        'return ["-F", "none", *(',
        "return [*(",
        (_OPENSSH,),
    ),
    Known(
        "ssh asks an agent for keys",
        "provisioner/ssh/openssh.py",
        '        "IdentityAgent": "none",\n',
        "",
        (_OPENSSH,),
    ),
    Known(
        "what a run keeps on the server is for everybody",
        "provisioner/playbook/remote/run.bash",
        "guard_limit=60\numask 077\n",
        "guard_limit=60\n",
        ("tests/playbook/test_execute.py::test_what_a_run_keeps_is_for_root_alone",),
        on_machine=True,
    ),
    Known(
        "Telegram's certificate is not looked at",
        "provisioner/services/telegram/transport.py",
        '"verify": certificates()',
        '"verify": False',
        (f"{_TRUST}::test_telegrams_certificate_has_to_be_vouched_for_before_the_token_is_sent",),
    ),
    Known(
        "a mail server's certificate is not looked at",
        "provisioner/services/mail.py",
        "            context = ssl.create_default_context()\n",
        "            context = ssl._create_unverified_context()\n",
        (f"{_TRUST}::test_a_mail_servers_certificate_has_to_be_vouched_for_before_anything_is_said",),
    ),
    Known(
        "a mail server's certificate is not looked at after STARTTLS",
        "provisioner/services/mail.py",
        "server.starttls(context=ssl.create_default_context())",
        "server.starttls(context=ssl._create_unverified_context())",
        ("tests/services/test_mail.py::test_starttls_is_used_where_it_is_offered",),
    ),
    Known(
        "a token stays in what Telegram's library says",
        "provisioner/services/telegram/client.py",
        'problem.message.replace(self._token, "…")',
        "problem.message",
        (f"{_TRUST}::test_a_token_in_what_telegrams_library_says_is_left_out",),
    ),
    Known(
        "an e-mail's text is not escaped",
        "provisioner/templates/email.html.j2",
        "paragraph.text | urlize",
        "paragraph.text | safe | urlize",
        ("tests/messaging/test_email_markup.py",),
    ),
    Known(
        "a button's label is not escaped",
        "provisioner/templates/email.html.j2",
        "{{ paragraph.label }}",
        "{{ paragraph.label | safe }}",
        ("tests/messaging/test_email_markup.py",),
    ),
    Known(
        "a button's link is not escaped",
        "provisioner/templates/email.html.j2",
        '"{{ paragraph.link }}"',
        '"{{ paragraph.link | safe }}"',
        ("tests/messaging/test_email_markup.py",),
    ),
    Known(
        "root may log in with a password",
        "playbooks/server/files/sshd.conf",
        "PermitRootLogin prohibit-password\n",
        "",
        (_SSHD,),
    ),
    Known(
        "windows are forwarded",
        "playbooks/server/files/sshd.conf",
        "X11Forwarding no\n",
        "",
        (_SSHD,),
    ),
    Known(
        "agents are forwarded",
        "playbooks/server/files/sshd.conf",
        "AllowAgentForwarding no\n",
        "",
        (_SSHD,),
    ),
    Known(
        "the assistant's user may ask for the user data",
        "playbooks/server/files/nftables.conf",
        '\t\tip daddr 169.254.169.254 meta skuid != 0 reject comment "user data of the first boot"\n',
        "",
        (f"{_SHIPPED}::test_nobody_but_root_can_ask_for_the_servers_user_data",),
    ),
    Known(
        "security updates are not installed",
        "playbooks/server/files/20auto-upgrades",
        'APT::Periodic::Unattended-Upgrade "1";\n',
        "",
        (f"{_SHIPPED}::test_security_updates_are_installed_every_day",),
    ),
)
