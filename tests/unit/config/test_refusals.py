"""Every refusal of a value or a key, each at its exact place (discovery/README: Configuration)."""

# ruff: noqa: E501 - a row of a table reads best on one line

from __future__ import annotations

import pytest

from tests.support.marked_text import HEAD, read, refusal, refused_at

DURATION = "a duration: a whole number and one of s, m, h, d, such as 30s, 10m, 2h or 7d"
SECRET = "not a reference to a secret: write env:NAME or file:/path, never the secret itself"
EMPTY = "an empty list: leave the key out, or name at least one"
QUOTES = "to YAML; put it in quotes"
ROLE = "arn:aws:iam::111122223333:role/x"
ROLE_FORM = "a role ARN such as arn:aws:iam::111122223333:role/cachemuster"
REGION_FORM = "a region such as eu-west-1, or a glob such as eu-*"

ROOT = [
    ("no version", "▸group: prod", "version", "the key is missing"),
    ("no group", "▸version: 1", "group", "the key is missing"),
    ("version 2", "version: ▸2\ngroup: g", "version",
     "the version is 1; another needs another version of this program"),
    ("version true", "version: ▸true\ngroup: g", "version",
     "the version is 1; another needs another version of this program"),
    ("version 1.0", "version: ▸1.0\ngroup: g", "version",
     "the version is 1; another needs another version of this program"),
    ("group with a space", "version: 1\ngroup: ▸my group", "group",
     '"my group" is not a group name of at most 64 letters, digits and . _ -'),
    ("group that is a number", "version: 1\ngroup: ▸007", "group",
     f'"007" without quotes is a number in another notation {QUOTES}'),
    ("unknown key", f"{HEAD}▸polcy: sync", "polcy", "there is no such key (did you mean policy?)"),
    ("unknown key like no other", f"{HEAD}▸zzz: 1", "zzz", "there is no such key"),
    ("empty section", f"{HEAD}aws:▸", "aws", "the value is missing; wanted: a mapping"),
    ("a list for a section", f"{HEAD}aws: ▸[1]", "aws",
     "a list cannot be used here; wanted: a mapping"),
    ("a text for a section", f"{HEAD}state: ▸here", "state", '"here" is not a mapping'),
    ("policy", f"{HEAD}policy: ▸upsert_only", "policy",
     '"upsert_only" is not one of sync, upsert-only, create-only (did you mean upsert-only?)'),
    ("policy off", f"{HEAD}policy: ▸off", "policy",
     "the value has to be one of sync, upsert-only, create-only, as a text"),
    ("out of scope", f"{HEAD}out_of_scope: ▸delete", "out_of_scope",
     '"delete" is not one of hold, remove'),
]  # fmt: skip

AWS = [
    ("account id without quotes", "accounts: [{id: ▸111122223333}]", "accounts[0].id",
     f'"111122223333" without quotes is a number {QUOTES}'),
    ("account id that YAML reads as octal", "accounts: [{id: ▸012345670123}]", "accounts[0].id",
     f'"012345670123" without quotes is a number in another notation {QUOTES}'),
    ("account id that only others read as a number", "accounts: [{id: ▸089123456789}]",
     "accounts[0].id", f'"089123456789" without quotes is a number {QUOTES}'),
    ("account id too short", 'accounts: [{id: ▸"11112222333"}]', "accounts[0].id",
     '"11112222333" is not an AWS account id of twelve digits'),
    ("account id with other digits", 'accounts: [{id: ▸"１１１１２２２２３３３３"}]',
     "accounts[0].id", '"１１１１２２２２３３３３" is not an AWS account id of twelve digits'),
    ("no account id", f'accounts: [▸{{role_arn: "{ROLE}"}}]', "accounts[0].id",
     "the key is missing"),
    ("account twice", 'accounts: [{id: "111122223333"}, {id: ▸"111122223333"}]',
     "accounts[1].id", '"111122223333" is there already as aws.accounts[0].id'),
    ("account with two names", 'accounts: [{id: "111122223333", name: a}, {id: ▸"111122223333", name: b}]',
     "accounts[1].id", '"111122223333" is there already as aws.accounts[0].id'),
    ("name that acts", 'accounts: [{id: "111122223333", name: ▸"pay\\tments"}]', "accounts[0].name",
     '"pay\\tments" is not the name of an account: printable characters, no blanks before or after them'),
    ("name with a blank", 'accounts: [{id: "111122223333", name: ▸" pay"}]', "accounts[0].name",
     '" pay" is not the name of an account: printable characters, no blanks before or after them'),
    ("long name", f'accounts: [{{id: "111122223333", name: ▸{"x" * 65}}}]', "accounts[0].name",
     "the text is longer than 64 characters"),
    ("empty name", 'accounts: [{id: "111122223333", name: ▸""}]', "accounts[0].name",
     "the text is empty"),
    ("name of an organization", 'accounts: [{organization: {role_name: x}, ▸name: pay}]',
     "accounts[0].name", "there is no such key"),
    ("account names", "account_names: ▸off", "account_names",
     "the value has to be one of auto, none, as a text"),
    ("account names of another kind", "account_names: ▸all", "account_names",
     '"all" is not one of auto, none'),
    ("role of another account", f'accounts: [{{id: "999900001111", role_arn: ▸"{ROLE}"}}]',
     "accounts[0].role_arn",
     'a role of account "111122223333" cannot scan account "999900001111"'),
    ("role that is a user",
     'accounts: [{id: "111122223333", role_arn: ▸"arn:aws:iam::111122223333:user/x"}]',
     "accounts[0].role_arn", f'"arn:aws:iam::111122223333:user/x" is not {ROLE_FORM}'),
    ("role name for an ARN", 'accounts: [{id: "111122223333", role_arn: ▸cachemuster}]',
     "accounts[0].role_arn", f'"cachemuster" is not {ROLE_FORM}'),
    ("external id in the file", f'accounts: [{{id: "111122223333", role_arn: "{ROLE}", external_id: ▸hunter2}}]',
     "accounts[0].external_id", SECRET),
    ("external id that is a number", f'accounts: [{{id: "111122223333", role_arn: "{ROLE}", external_id: ▸4711}}]',
     "accounts[0].external_id", SECRET),
    ("external id from a relative file", f'accounts: [{{id: "111122223333", role_arn: "{ROLE}", external_id: ▸"file:eid"}}]',
     "accounts[0].external_id", SECRET),
    ("external id from a nameless variable", f'accounts: [{{id: "111122223333", role_arn: "{ROLE}", external_id: ▸"env:"}}]',
     "accounts[0].external_id", SECRET),
    ("external id without a role", 'accounts: [{id: "111122223333", ▸external_id: "env:X"}]',
     "accounts[0].external_id", "an external id is sent with a role only; role_arn is missing"),
    ("unknown key of an account", 'accounts: [{id: "111122223333", ▸role: x}]',
     "accounts[0].role", "there is no such key (did you mean role_arn?)"),
    ("an account that is a text", 'accounts: [▸"111122223333"]', "accounts[0]",
     '"111122223333" is not a mapping'),
    ("no accounts", "accounts: ▸[]", "accounts", EMPTY),
    ("organization without a role", "accounts: [organization: ▸{include_ous: r-ab12}]",
     "accounts[0].organization.role_name", "the key is missing"),
    ("organization with a role ARN", f'accounts: [organization: {{role_name: ▸"{ROLE}"}}]',
     "accounts[0].organization.role_name",
     f'"{ROLE}" is not the name of a role, which is the last part of its ARN, with its path if it '
     "has one, such as security/cachemuster"),
    ("session name", f'accounts: [{{id: "111122223333", role_arn: "{ROLE}", role_session_name: ▸"a b"}}]',
     "accounts[0].role_session_name",
     '"a b" is not the name of a session: 2 to 64 letters, digits or any of _+=,.@-'),
    ("organization with a path that ends nowhere", "accounts: [organization: {role_name: ▸security/}]",
     "accounts[0].organization.role_name",
     '"security/" is not the name of a role, which is the last part of its ARN, with its path if it '
     "has one, such as security/cachemuster"),
    ("organizational unit", "accounts: [organization: {role_name: x, include_ous: [▸ou-1]}]",
     "accounts[0].organization.include_ous[0]",
     '"ou-1" is not the id of an organizational unit such as ou-ab12-cdef3456, '
     "or of a root such as r-ab12"),
    ("no organizational units", "accounts: [organization: {role_name: x, include_ous: ▸[]}]",
     "accounts[0].organization.include_ous", EMPTY),
    ("unknown key of an organization", "accounts: [organization: {role_name: x, ▸exclude_ou: r-ab12}]",
     "accounts[0].organization.exclude_ou", "there is no such key (did you mean exclude_ous?)"),
    ("excluded account without quotes", "accounts: [organization: {role_name: x, exclude_accounts: ▸444455556666}]",
     "accounts[0].organization.exclude_accounts[0]",
     f'"444455556666" without quotes is a number {QUOTES}'),
    ("own account", "own_account: ▸ambiant", "own_account",
     '"ambiant" is not one of ambient, assume (did you mean ambient?)'),
    ("profile off", "profile: ▸off", "profile", f'"off" without quotes is false {QUOTES}'),
    ("empty profile", 'profile: ▸""', "profile", "the text is empty"),
    ("no regions", "regions: ▸[]", "regions", EMPTY),
    ("region in capitals", "regions: ▸EU-WEST-1", "regions[0]", f'"EU-WEST-1" is not {REGION_FORM}'),
    ("region glob with a question mark", 'regions: [eu-*, ▸"eu-west-?"]', "regions[1]",
     f'"eu-west-?" is not {REGION_FORM}'),
    ("regions of two partitions", "regions: [eu-west-1, ▸cn-north-1]", "regions[1]",
     '"cn-north-1" is of partition aws-cn, but aws.regions[0] is of partition aws; '
     "an agent serves one partition"),
    ("concurrency 0", "concurrency: ▸0", "concurrency", "0 is less than 1, the least there may be"),
    ("concurrency in hex", "concurrency: ▸0x10", "concurrency", '"0x10" is not a whole number'),
    ("concurrency with underscores", "concurrency: ▸1_0", "concurrency", '"1_0" is not a whole number'),
    ("concurrency as a text", 'concurrency: ▸"8"', "concurrency", '"8" is not a whole number'),
    ("concurrency true", "concurrency: ▸true", "concurrency", '"true" is not a whole number'),
    ("concurrency 1.5", "concurrency: ▸1.5", "concurrency", '"1.5" is not a whole number'),
    ("timeout without a unit", "scope_timeout: ▸60", "scope_timeout", f'"60" is not {DURATION}'),
    ("timeout in base 60", "scope_timeout: ▸10:30", "scope_timeout", f'"10:30" is not {DURATION}'),
    ("timeout in weeks", "scope_timeout: ▸1w", "scope_timeout", f'"1w" is not {DURATION}'),
    ("timeout of nothing", "scope_timeout: ▸0s", "scope_timeout", '"0s" is not between 1s and 1h'),
    ("timeout of ages", "scope_timeout: ▸999999999d", "scope_timeout",
     '"999999999d" is not between 1s and 1h'),
    ("timeout of nine digits and more", "scope_timeout: ▸9999999999d", "scope_timeout",
     f'"9999999999d" is not {DURATION}'),
    ("read_tags as a text", 'read_tags: ▸"no"', "read_tags", '"no" is not true or false'),
    ("read_tags as a number", "read_tags: ▸0", "read_tags", '"0" is not true or false'),
    ("name overrides of a number", "name_overrides: ▸111122223333", "name_overrides",
     '"111122223333" is not true or false'),
    ("name overrides of no account", "name_overrides: ▸[]", "name_overrides", EMPTY),
    ("name overrides of some account", "name_overrides: [▸mine]", "name_overrides[0]",
     '"mine" is not an AWS account id of twelve digits'),
    ("public caches", "public_caches: ▸true", "public_caches",
     "the value has to be one of skip, enroll, as a text"),
    ("expected failure", "expected_failures: [▸eu-west-1]", "expected_failures[0]",
     '"eu-west-1" is not ACCOUNT, ACCOUNT/REGION or */REGION, such as 111122223333/eu-west-1'),
    ("expected failure everywhere", 'expected_failures: [▸"*"]', "expected_failures[0]",
     '"*" is not ACCOUNT, ACCOUNT/REGION or */REGION, such as 111122223333/eu-west-1'),
    ("excluded region", "exclude_regions: [▸Frankfurt]", "exclude_regions[0]",
     f'"Frankfurt" is not {REGION_FORM}'),
    ("region taken and excluded", "regions: [▸eu-west-1, us-*]\n  exclude_regions: eu-*", "regions[0]",
     '"eu-west-1" is left out again by aws.exclude_regions; leave it out of one of them'),
    ("expected failure without quotes", "expected_failures: ▸111122223333",
     "expected_failures[0]", f'"111122223333" without quotes is a number {QUOTES}'),
    ("key twice", "read_tags: true\n  profile: x\n  ▸read_tags: false", "read_tags",
     "the key is there twice; first in line 4"),
]  # fmt: skip

MATCHERS = [
    ("no name", "▸tags: {env: prod}", "name", "the key is missing"),
    ("name with a space", "name: ▸my matcher", "name",
     '"my matcher" is not a name of at most 64 letters, digits and . _ -'),
    ("account", "name: m\n  accounts: ▸prod", "accounts[0]",
     '"prod" is not an account id of twelve digits, or a glob such as 1111*'),
    ("region", "name: m\n  regions: [▸^eu-.*$]", "regions[0]", f'"^eu-.*$" is not {REGION_FORM}'),
    ("name glob", "name: m\n  names: ▸prod-?", "names[0]",
     '"prod-?" can match no cache: names have letters, digits and hyphens; * is the only wildcard'),
    ("name expression", "name: m\n  names: ▸^(prod$", "names[0]",
     '"^(prod$" is not a valid RE2 expression: missing ): ^(prod$'),
    ("engine", "name: m\n  engines: [▸reddis]", "engines[0]",
     '"reddis" is not one of redis, valkey, * (did you mean redis?)'),
    ("no engine", "name: m\n  engines: ▸[]", "engines", EMPTY),
    ("no values of a tag", "name: m\n  tags: {env: ▸[]}", "tags.env", EMPTY),
    ("tag off", "name: m\n  exclude_tags: {teleport: ▸off}", "exclude_tags.teleport[0]",
     f'"off" without quotes is false {QUOTES}'),
    ("tag 1.10", "name: m\n  tags: {version: [▸1.10]}", "tags.version[0]",
     f'"1.10" without quotes is a number {QUOTES}'),
    ("tag 10:30", "name: m\n  tags: {at: ▸10:30}", "tags.at[0]",
     f'"10:30" without quotes is a number in another notation {QUOTES}'),
    ("tag that is a date", "name: m\n  tags: {since: ▸2026-01-31}", "tags.since[0]",
     f'"2026-01-31" without quotes is a date {QUOTES}'),
    ("tag that is a mapping", "name: m\n  tags: {env: [▸{a: b}]}", "tags.env[0]",
     "a mapping cannot be used here; wanted: a text"),
    ("tag key on", 'name: m\n  tags: {▸on: "x"}', "tags",
     'the key "on" is no text to YAML; put it in quotes'),
    ("tag key 1", 'name: m\n  tags: {▸1: "x"}', "tags",
     'the key "1" is no text to YAML; put it in quotes'),
    ("tag key empty", 'name: m\n  tags: {▸"": "x"}', 'tags[""]', "the text is empty"),
    ("tag expression", "name: m\n  tags: {env: ▸'^a(?=b)$'}", "tags.env[0]",
     '"^a(?=b)$" is not a valid RE2 expression: invalid perl operator: (?='),
    ("half an expression", "name: m\n  tags: {env: [▸^prod]}", "tags.env[0]",
     '"^prod": an expression begins with ^ and ends in $'),
    ("tag nobody may set", "name: m\n  tags: {▸teleport.dev/origin: cloud}",
     "tags[\"teleport.dev/origin\"]",
     "no cache has this label while it is matched: the key is reserved"),
    ("everything excluded", 'name: m\n  exclude_tags: ▸{"*": "*"}', "exclude_tags",
     '"*": "*" excludes every cache; leave the matcher out instead'),
    ("iam users", "name: m\n  iam_users: ▸warning", "iam_users",
     '"warning" is not one of warn, require, ignore (did you mean warn?)'),
    ("label of ours", "name: m\n  labels: {▸region: x}", "labels.region",
     "the label is reserved: its value comes from the cache itself"),
    ("label of Teleport's", "name: m\n  labels: {▸teleport.hidden/x: x}",
     "labels[\"teleport.hidden/x\"]",
     "the label is reserved: its value comes from the cache itself"),
    ("label with a space", 'name: m\n  labels: {▸"cost center": x}', 'labels["cost center"]',
     "not a label key: Teleport takes letters, digits and / . _ : * -"),
    ("placeholder of a label", 'name: m\n  labels: {account: ▸"aws-{accountname}"}', "labels.account",
     'unknown placeholder "accountname"; known are {account_id}, {account_name}, {region}, {cache} (did you mean account_name?)'),
    ("placeholder of a role", 'name: m\n  labels: {p: ▸"{partition}"}', "labels.p",
     'unknown placeholder "partition"; known are {account_id}, {account_name}, {region}, {cache}'),
    ("label value", "name: m\n  labels: {tier: ▸1}", "labels.tier",
     f'"1" without quotes is a number {QUOTES}'),
    ("connect without a role", 'name: m\n  connect: ▸{external_id: "env:X"}',
     "connect.assume_role_arn", "the key is missing"),
    ("connect role", "name: m\n  connect: {assume_role_arn: ▸teleport}", "connect.assume_role_arn",
     '"teleport" is not a role ARN such as '
     "arn:{partition}:iam::{account_id}:role/teleport-connect"),
    ("connect placeholder",
     'name: m\n  connect: {assume_role_arn: ▸"arn:aws:iam::{account}:role/x"}',
     "connect.assume_role_arn",
     'unknown placeholder "account"; known are {partition}, {account_id}, {region} '
     "(did you mean account_id?)"),
    ("connect stray brace",
     'name: m\n  connect: {assume_role_arn: ▸"arn:aws:iam::{account_id}}:role/x"}',
     "connect.assume_role_arn",
     '"arn:aws:iam::{account_id}}:role/x" is not a role ARN such as '
     "arn:{partition}:iam::{account_id}:role/teleport-connect"),
    ("connect external id",
     f'name: m\n  connect: {{assume_role_arn: "{ROLE}", external_id: ▸secret}}',
     "connect.external_id", SECRET),
]  # fmt: skip

REST = [
    ("owner tag with a sign", "reports: {owner_tag: ▸team!}", "reports.owner_tag",
     '"team!" is not the key of an AWS tag: letters, digits, blanks and any of _.:/=+-@'),
    ("owner tag, empty", 'reports: {owner_tag: ▸""}', "reports.owner_tag",
     "the text is empty"),
    ("owner tag that is a number", "reports: {owner_tag: ▸1}", "reports.owner_tag",
     f'"1" without quotes is a number {QUOTES}'),
    ("owner tags", "reports: {▸owner_tags: team}", "reports.owner_tags",
     "there is no such key (did you mean owner_tag?)"),
    ("owners without tags", "aws: {read_tags: false}\nreports: {owner_tag: ▸team}",
     "reports.owner_tag", "aws.read_tags is false, so no cache would have an owner"),
    ("names in labels without names",
     "aws: {account_names: none}\nmatchers: {name: m, labels: {a: '{account_id}', b: ▸'{account_name}'}}",
     "matchers[0].labels.b",
     "aws.account_names is none, so {account_name} would never have a value"),
    ("history of hours", "state: {history: ▸2h}", "state.history", '"2h" is not between 1d and 3650d'),
    ("state path", "state: {path: ▸1}", "state.path", f'"1" without quotes is a number {QUOTES}'),
    ("empty state path", 'state: {path: ▸""}', "state.path",
     "not a path: it is empty or holds a NUL character"),
    ("state path at home", "state: {path: ▸~/c.db}", "state.path",
     '"~/c.db": `~` is not expanded; write the whole path'),
    ("missed sweeps", "deregistration: {missed_sweeps: ▸0}", "deregistration.missed_sweeps",
     "0 is less than 1, the least there may be"),
    ("percent", "deregistration: {max_percent: ▸101}", "deregistration.max_percent",
     "101 is more than 100, the most there may be"),
    ("count", "deregistration: {max_count: ▸-1}", "deregistration.max_count",
     "-1 is less than 0, the least there may be"),
    ("window", "deregistration: {window: ▸2d}", "deregistration.window",
     '"2d" is not between 0s and 1d'),
    ("allow_empty", "deregistration: {allow_empty: ▸ja}", "deregistration.allow_empty",
     '"ja" is not true or false'),
    ("control plane without a kind", "control_plane: ▸{path: x}", "control_plane",
     "the key `kind` is missing; it is teleport or embedded"),
    ("control plane with nothing", "control_plane: ▸{}", "control_plane",
     "the key `kind` is missing; it is teleport or embedded"),
    ("control plane that is a text", "control_plane: ▸embedded", "control_plane",
     "a control plane is a mapping with the key `kind`"),
    ("unknown kind", "control_plane: {kind: ▸telport}", "control_plane.kind",
     '"telport" is not one of teleport, embedded (did you mean teleport?)'),
    ("key of another kind", "control_plane: {kind: embedded, ▸address: x}", "control_plane.address",
     "the key belongs to a control plane of kind teleport, not embedded"),
    ("key of the embedded kind",
     "control_plane: {kind: teleport, address: 'a:1', identity_file: i, ▸path: x}",
     "control_plane.path", "the key belongs to a control plane of kind embedded, not teleport"),
    ("key of no kind", "control_plane: {kind: embedded, ▸orign: cloud}", "control_plane.orign",
     "there is no such key (did you mean origin?)"),
    ("no address", "control_plane: ▸{kind: teleport, identity_file: i}", "control_plane.address",
     "the key is missing"),
    ("address with a scheme",
     "control_plane: {kind: teleport, identity_file: i, address: ▸https://t.example.com:443}",
     "control_plane.address", '"https://t.example.com:443" is not host:port, '
     "such as 127.0.0.1:9808; leave out what comes before the host"),
    ("address with port 0", "control_plane: {kind: teleport, identity_file: i, address: ▸'t:0'}",
     "control_plane.address", "port 0 is no port that a service listens on"),
    ("address of everybody",
     "control_plane: {kind: teleport, identity_file: i, address: ▸'*:443'}",
     "control_plane.address", "* is no host that could be reached; name the cluster's address"),
    ("origin", "control_plane: {kind: embedded, origin: ▸clod}", "control_plane.origin",
     '"clod" is not one of dynamic, cloud (did you mean cloud?)'),
    ("keep_labels", "control_plane: {kind: embedded, keep_labels: [▸'a b']}",
     "control_plane.keep_labels[0]",
     '"a b" is not a label key, or a glob of keys such as team-*'),
    ("registry and state in one file", "control_plane: {kind: embedded, path: ▸./cachemuster.db}",
     "control_plane.path", '"cachemuster.db" cannot be both the state and the registry'),
    ("state where the registry is by default", "state: {path: ▸./registry.db}", "state.path",
     '"./registry.db" cannot be both the state and the registry'),
    ("a URL in place of its reference", "service: {notify: {webhook: ▸'https://hooks.test/HUSH'}}",
     "service.notify[0].webhook", SECRET),
    ("a webhook without one", "service: {notify: [▸{format: slack}]}", "service.notify[0].webhook",
     "the key is missing"),
    ("a kind that is none", "service: {notify: [{webhook: env:X, on: [refused, ▸registred]}]}",
     "service.notify[0].on[1]", '"registred" is not one of registered, removed, refused, '
     "scope_failing, scope_back, not_ready, conflict (did you mean registered?)"),
    ("told of nothing", "service: {notify: [{webhook: env:X, on: ▸[]}]}", "service.notify[0].on",
     EMPTY),
    ("another format", "service: {notify: [{webhook: env:X, format: ▸teams}]}",
     "service.notify[0].format", '"teams" is not one of cloudevents, slack'),
    ("a page for whoever", "service: {page: ▸everybody}", "service.page",
     '"everybody" is not one of none, loopback'),
    ("a token in place of its reference", "service: {page: {bearer: ▸HUSH-HUSH-HUSH-HUSH}}",
     "service.page.bearer", SECRET),
    ("a page for this machine on every address",
     "service: {listen: '*:9808', page: ▸loopback}", "service.page",
     'the page would be open to whoever reaches "*:9808": listen on 127.0.0.1:9808, or write '
     "page: {bearer: file:/path}"),
    ("listen", "service: {listen: ▸9808}", "service.listen",
     f'"9808" without quotes is a number {QUOTES}'),
    ("listen without a host", "service: {listen: ▸':9808'}", "service.listen",
     '":9808" is not host:port, such as 127.0.0.1:9808'),
    ("listen on no port", "service: {listen: ▸'[::1]:65536'}", "service.listen",
     '"[::1]:65536" is not host:port, such as 127.0.0.1:9808'),
    ("listen on half an address", "service: {listen: ▸'*.example.com:9808'}", "service.listen",
     '"*.example.com:9808" is not host:port, such as 127.0.0.1:9808'),
    ("interval", "service: {interval: ▸1s}", "service.interval", '"1s" is not between 10s and 7d'),
    ("events without a queue", "service: {events: ▸{debounce: 5s}}", "service.events.queue_url",
     "the key is missing"),
    ("queue by its ARN", "service: {events: {queue_url: ▸'arn:aws:sqs:eu-west-1:111122223333:q'}}",
     "service.events.queue_url", '"arn:aws:sqs:eu-west-1:111122223333:q" is not a queue URL '
     "such as https://sqs.eu-west-1.amazonaws.com/111122223333/cachemuster"),
    ("queue of AWS without a region",
     "service: {events: {queue_url: ▸'https://sqs.amazonaws.com/111122223333/q'}}",
     "service.events.queue_url", '"https://sqs.amazonaws.com/111122223333/q" names no region: '
     "write it such as https://sqs.eu-west-1.amazonaws.com/111122223333/cachemuster"),
    ("queue without TLS", "service: {events: {queue_url: ▸'http://sqs.example.com/111122223333/q'}}",
     "service.events.queue_url", '"http://sqs.example.com/111122223333/q" is not a queue URL '
     "such as https://sqs.eu-west-1.amazonaws.com/111122223333/cachemuster"),
    ("a queue for two numbers",
     "service: {events: {queue_url: ▸'http://localhost/111122223333/{shard}{shard}'}}",
     "service.events.queue_url",
     '"http://localhost/111122223333/{shard}{shard}" is not a queue URL such as '
     "https://sqs.eu-west-1.amazonaws.com/111122223333/cachemuster; {shard} may be in it once, "
     "in the name"),
    ("a queue in the shard's own account", "service: {events: {queue_url: "
     "▸'https://sqs.eu-west-1.amazonaws.com/{shard}/q'}}", "service.events.queue_url",
     '"https://sqs.eu-west-1.amazonaws.com/{shard}/q" is not a queue URL such as '
     "https://sqs.eu-west-1.amazonaws.com/111122223333/cachemuster; {shard} may be in it once, "
     "in the name"),
    ("scope metrics", "service: {scope_metrics_limit: ▸-1}", "service.scope_metrics_limit",
     "-1 is less than 0, the least there may be"),
]  # fmt: skip


def table(rows: list[tuple[str, str, str, str]]) -> list[object]:
    return [pytest.param(*row[1:], id=row[0]) for row in rows]


@pytest.mark.parametrize(("text", "path", "message"), table(ROOT))
def test_root(text: str, path: str, message: str) -> None:
    refused_at(text, path, message)


@pytest.mark.parametrize(("text", "path", "message"), table(AWS))
def test_aws(text: str, path: str, message: str) -> None:
    refused_at(f"{HEAD}aws:\n  {text}", f"aws.{path}", message)


@pytest.mark.parametrize(("text", "path", "message"), table(MATCHERS))
def test_matchers(text: str, path: str, message: str) -> None:
    refused_at(f"{HEAD}matchers:\n- {text}", f"matchers[0].{path}", message)


@pytest.mark.parametrize(("text", "path", "message"), table(REST))
def test_the_other_sections(text: str, path: str, message: str) -> None:
    refused_at(HEAD + text, path, message)


def test_a_matcher_name_may_be_there_once() -> None:
    text = f"{HEAD}matchers:\n- name: m\n- name: ▸m"
    refused_at(text, "matchers[1].name", '"m" is there already as matchers[0].name')


def test_an_empty_item_is_no_text() -> None:
    text = f"{HEAD}aws:\n  regions: [eu-west-1, ▸null]"
    refused_at(text, "aws.regions[1]", "the value is missing; wanted: a text")


KNOWN = "account-id, engine, engine-version, region, teleport.dev/cloud, vpc-id"


@pytest.mark.parametrize("field", ["tags", "exclude_tags"])
def test_without_tags_only_discovery_labels_can_be_wanted(field: str) -> None:
    text = (
        f"{HEAD}aws: {{read_tags: false}}\n"
        f"matchers:\n- name: m\n  {field}: {{▸env: prod, engine: redis, vpc-id: '*'}}"
    )
    message = f"aws.read_tags is false, so nothing but {KNOWN} is known of a cache"
    refused_at(text, f"matchers[0].{field}.env", message)


def test_without_tags_everything_may_be_wanted() -> None:
    text = f"{HEAD}aws: {{read_tags: false}}\nmatchers: {{name: m, tags: {{'*': '*'}}}}"
    assert read(text).aws.read_tags is False


def test_all_problems_come_at_once_in_the_order_of_the_file() -> None:
    error = refusal(
        "version: 1\n"
        "polcy: sync\n"
        "matchers:\n"
        "- {name: a, tags: {env: off}, tags: {}}\n"
        "- {name: a, names: '^($'}\n"
        "aws: {accounts: [{id: 1}], regions: [eu-west-1, cn-north-1]}\n"
    )
    assert [(p.line, p.column) for p in error.problems] == [
        (1, 1),
        (2, 1),
        (4, 25),
        (4, 31),
        (5, 10),
        (5, 20),
        (6, 23),
        (6, 49),
    ]
    assert str(error).splitlines()[-1] == (
        "8 problems in c.yaml. Nothing was started or changed. Correct the file; "
        "`cachemuster config check` tells when it is right."
    )


def test_a_secret_in_the_wrong_place_is_not_repeated() -> None:
    account = f'{{id: "111122223333", role_arn: "{ROLE}", external_id: %s}}'
    for value in ("hunter2", "12345678", "[hunter2]", "{hunter2: hunter2}", "!!x hunter2"):
        error = refusal(f"{HEAD}aws:\n  accounts: [{account % value}]")
        assert "never the secret itself" in str(error)
        assert "hunter2" not in str(error)
        assert "12345678" not in str(error)


def test_hostile_text_is_shown_harmless() -> None:
    error = refusal('version: 1\ngroup: "\\e[31m\\u202e' + "x" * 300 + '"\n"\\e]0;": 1')
    assert "\x1b" not in str(error)
    assert "\u202e" not in str(error)
    assert max(map(len, str(error).splitlines())) < 200
