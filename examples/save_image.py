#!/usr/bin/env python3
"""Saves an image in Gallery at the end of a conversation task. Standard library only; copy the function, or the file."""

import datetime
import email.utils
import enum
import http.client
import json
import logging
import math
import os
import random
import sys
import time
import typing
import urllib.error
import urllib.request
import uuid

DEFAULT_URL = "http://localhost:9999"
ATTEMPTS = 5
FIRST_PAUSE = 0.5  # seconds, doubled with each attempt
LONGEST_PAUSE = 30.0  # seconds, also if the service asks for more
WORTH_ANOTHER_TRY = {429, 502, 503, 504}  # the service is busy, or it or its database is down
SENT_AS_TEXT = {"ObjectId", "Decimal", "Decimal128"}  # by name, so that this file needs no MongoDB driver

log = logging.getLogger("gallery")


class GalleryError(Exception):
    """The image was not saved. `code` is the service's stable word, `status` is HTTP's; both are None if no answer came."""

    def __init__(self, message, code=None, status=None, errors=None):
        super().__init__(message)
        self.message, self.code, self.status, self.errors = message, code, status, errors or {}


class Saved(typing.NamedTuple):
    """`outcome` is created, updated, unchanged or in_trash. `kept` names the fields whose stored value differs from the one sent."""

    outcome: str
    kept: list
    image: dict


def save_image(
    user_id,
    image_url,
    refined_prompt=None,
    intent=None,
    session_id=None,
    message_id=None,
    metadata=None,
    *,
    base_url=None,
    api_key=None,
    timeout=10.0,
    attempts=ATTEMPTS,
    sleep=time.sleep,
):
    """Saves an image and returns what became of it.

    `user_id` is the owner. If users sign in with Supabase, it is the user's Supabase id (the `sub` of their token);
    under any other id they do not see the image.

    The image's key is the UUID in its Cloudinary URL, so a second save makes no second row. That is why a save whose answer
    was lost may be repeated. Failed attempts are logged and repeated, with a growing and random pause, at most `attempts`
    times. `api_key`, or GALLERY_KEY, is sent if there is one. `timeout` is in seconds, for each attempt.
    """
    ids = {"session_id": session_id, "message_id": message_id}
    if metadata is not None and not isinstance(metadata, dict):
        raise GalleryError(f"metadata is a {type(metadata).__name__}. Send a dict.")
    metadata = {**(metadata or {}), **{name: value for name, value in ids.items() if value is not None}}
    api_key = api_key or os.environ.get("GALLERY_KEY")
    body = {
        "user_id": _to_json(user_id, "user_id"),
        "image_url": _to_json(image_url, "image_url"),
        "refined_prompt": _to_json(refined_prompt, "refined_prompt"),
        "intent": _to_json(intent, "intent"),
        "metadata": _to_json(metadata, "metadata"),
    }
    request = urllib.request.Request(
        (base_url or os.environ.get("GALLERY_URL") or DEFAULT_URL).rstrip("/") + "/v1/gallery/",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "Accept": "application/json", **({"X-API-Key": api_key} if api_key else {})},
        method="POST",
    )

    for attempt in range(1, attempts + 1):
        retry_after = None
        try:
            with urllib.request.urlopen(request, timeout=timeout) as response:
                answer = json.load(response)
                return Saved(answer["outcome"], answer["kept"], answer["data"])
        except urllib.error.HTTPError as refusal:
            with refusal:
                failure = _read_problem(refusal)
            if refusal.code not in WORTH_ANOTHER_TRY:
                raise failure from None
            retry_after = refusal.headers.get("Retry-After")
        except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError) as error:  # no connection, a time-out, or no answer of Gallery's
            failure = GalleryError(f"Gallery at {request.full_url} gave no answer: {getattr(error, 'reason', None) or error!r}")

        if attempt < attempts:
            pause = _pause(attempt, retry_after)
            log.warning("Save %d of %d failed: %s Next try in %.1f s.", attempt, attempts, failure, pause)
            sleep(pause)

    raise failure


def _to_json(value, name):
    """The value as JSON has it: UUIDs, ObjectIds and decimals become text, times ISO 8601, an Enum its value. Anything else is an error that names the key."""
    if isinstance(value, enum.Enum):
        return _to_json(value.value, name)
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        raise GalleryError(f"{name} is {value}, which is not JSON. Leave it out, or send null or text.")
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise GalleryError(f"{name} has the key {key!r}, a {type(key).__name__}. JSON's keys are text.")
        return {key: _to_json(item, f"{name}.{key}") for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_json(item, f"{name}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat()
    if isinstance(value, uuid.UUID) or type(value).__name__ in SENT_AS_TEXT:
        return str(value)
    raise GalleryError(f"{name} is a {type(value).__name__}, which is not JSON. Convert it to text, a number, a list or a dict.")


def _read_problem(refusal):
    """The service's words, or HTTP's if something else answered, such as a proxy."""
    try:
        problem = json.load(refusal)
        return GalleryError(problem["message"], problem["code"], refusal.code, problem.get("errors"))
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return GalleryError(f"HTTP {refusal.code} {refusal.reason}.", status=refusal.code)


def _pause(attempt, retry_after):
    """Seconds until the next attempt: what Retry-After asks for (RFC 9110, section 10.2.3), or a back-off. Jitter spreads clients that failed together."""
    wait = None
    if retry_after is not None:
        try:
            wait = float(retry_after) if retry_after.strip().isdecimal() else _seconds_until(retry_after)
        except (TypeError, ValueError):
            pass
    if wait is None:
        wait = FIRST_PAUSE * 2 ** (attempt - 1) * random.uniform(0.5, 1)
    else:
        wait = max(0.0, wait) + random.uniform(0, FIRST_PAUSE)
    return min(wait, LONGEST_PAUSE)


def _seconds_until(date):
    return email.utils.parsedate_to_datetime(date).timestamp() - time.time()


def main():
    logging.basicConfig(format="%(message)s")
    # The end of a task: the image generator has returned the URL, and the conversation has its ids.
    image_id = uuid.uuid4()
    try:
        saved = save_image(
            user_id="user_123",  # with Supabase: the user's id, the `sub` of their token
            image_url=f"https://res.cloudinary.com/demo/image/upload/v1/generated/{image_id}.png",
            refined_prompt="A lighthouse at dusk, oil on canvas",
            intent="generate",
            session_id="session_42",
            message_id="message_7",
            metadata={"generated_at": datetime.datetime.now(datetime.timezone.utc)},
        )
    except GalleryError as error:
        print(f"Not saved: {error.message} {error.errors or ''} (code {error.code})", file=sys.stderr)
        return 1
    print(json.dumps(saved._asdict(), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
