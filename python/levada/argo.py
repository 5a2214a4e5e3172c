"""``ArgoEvent``: tell Argo Events that something has happened."""

import os
import sys

from .exceptions import MetaflowException


class ArgoEventException(MetaflowException):
    """The event could not be published."""

    headline = "Argo Event Exception"


class ArgoEvent:
    """An event for Argo Events.

    ``name`` is a text or a function that gives one; ``url`` the webhook of the event source, which is
    METAFLOW_ARGO_EVENTS_WEBHOOK_URL if it is not given; ``payload`` values that go with it; ``access_token`` is sent as
    a bearer token.
    """

    def __init__(self, name, url=None, payload=None, access_token=None):
        self._name = name() if callable(name) else name
        self._url = url or os.environ.get("METAFLOW_ARGO_EVENTS_WEBHOOK_URL")
        self._payload = dict(payload or {})
        self._access_token = access_token

    def add_to_payload(self, key, value):
        """Add a value, as text. Returns the event."""
        self._payload[key] = str(value)
        return self

    def safe_publish(self, payload=None, ignore_errors=True):
        """Publish the event if this is a task on Argo Workflows; elsewhere nothing happens but a note on stderr."""
        return self.publish(payload=payload, force=False, ignore_errors=ignore_errors)

    def publish(self, payload=None, force=True, ignore_errors=True):
        """Publish the event, with ``payload`` added; return its id. None if it was not published.

        ``force=False`` publishes on Argo Workflows only. With ``ignore_errors`` a failure is a note on stderr, else
        ArgoEventException.
        """
        if not force and not os.environ.get("ARGO_WORKFLOW_TEMPLATE"):
            print("The event '%s' is not published: this does not run on Argo Workflows." % self._name, file=sys.stderr)
            return None
        try:
            return self._send({**self._payload, **(payload or {})})
        except Exception as error:
            text = "The event '%s' could not be published: %s" % (self._name, error)
            if not ignore_errors:
                raise ArgoEventException(text) from error
            print(text, file=sys.stderr)
            return None

    def _send(self, payload):
        import json
        import time
        import uuid
        from datetime import datetime, timezone
        from urllib.request import Request, urlopen

        if not self._url:
            raise ArgoEventException("there is no url: give it, or set METAFLOW_ARGO_EVENTS_WEBHOOK_URL")
        event_id = str(uuid.uuid4())
        payload = {
            "name": self._name,
            "id": event_id,
            "timestamp": int(time.time()),
            "utc_date": datetime.now(timezone.utc).strftime("%Y%m%d"),
            "generated-by-metaflow": True,
            **payload,
        }
        headers = {"Content-Type": "application/json"}
        if self._access_token:
            headers["Authorization"] = "Bearer " + self._access_token
        body = json.dumps({"name": self._name, "payload": payload}).encode()
        with urlopen(Request(self._url, body, headers), timeout=60) as response:
            response.read()
        return event_id
