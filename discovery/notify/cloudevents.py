"""A message as a CloudEvent: the JSON format, in structured mode over HTTP. Pure.

Source: CloudEvents 1.0.2, JSON Event Format and HTTP Protocol Binding. The schema of `data` is
`event.schema.json` beside this file.
"""

from __future__ import annotations

import json
from typing import Any, Final

from discovery.notify.messages import Message, Subject
from discovery.reports.document import timestamp
from discovery.reports.safe_text import MESSAGE_LIMIT, NAME_LIMIT, shortened

CONTENT_TYPE: Final = "application/cloudevents+json; charset=utf-8"
_TYPE: Final = "dev.cachemuster.{kind}.v1"


def event_body(message: Message) -> bytes:
    """Write the event of a message; its `id` is the same however often it is sent."""
    event = {
        "specversion": "1.0",
        "id": f"{message.sweep_id}.{message.kind}",
        "source": f"/cachemuster/{message.group}",
        "type": _TYPE.format(kind=message.kind),
        "subject": message.sweep_id,
        "time": timestamp(message.at),
        "datacontenttype": "application/json",
        "data": {
            "kind": message.kind,
            "group": message.group,
            "sweep_id": message.sweep_id,
            "text": shortened(message.text, MESSAGE_LIMIT),
            "count": message.count,
            "first": [_subject(each) for each in message.first],
            "ended_count": message.ended_count,
            "ended": [_subject(each) for each in message.ended],
        },
    }
    return json.dumps(event).encode()


def _subject(subject: Subject) -> dict[str, Any]:
    return {
        "name": subject.name,
        "account_id": subject.account_id,
        "account_name": subject.account_name,
        "region": subject.region,
        "arn": subject.arn,
        "cache": subject.cache,
        "owner": subject.owner and shortened(subject.owner, NAME_LIMIT),
        "reason": subject.reason,
        "message": shortened(subject.message, MESSAGE_LIMIT),
    }
