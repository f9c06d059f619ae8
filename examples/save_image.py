#!/usr/bin/env python3
"""Saves an image in Gallery at the end of a conversation task. Standard library only; copy the function, or the file."""

import email.utils
import http.client
import json
import os
import random
import sys
import time
import urllib.error
import urllib.request
import uuid

DEFAULT_URL = "http://localhost:9999"
ATTEMPTS = 5
FIRST_PAUSE = 0.5  # seconds, doubled with each attempt
LONGEST_PAUSE = 30.0  # seconds, also where the service asks for more
WORTH_ANOTHER_TRY = {429, 502, 503, 504}  # busy, or the service or its database is away


class GalleryError(Exception):
    """The image was not saved. `code` is the service's stable word, None where no answer came; `status` is HTTP's."""

    def __init__(self, message, code=None, status=None, errors=None):
        super().__init__(message)
        self.message, self.code, self.status, self.errors = message, code, status, errors or {}


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
    """Saves an image and returns it as stored: a dict with image_id, created_at, revision and the rest.

    The image's key is the UUID in its Cloudinary URL, so saving again is no error and makes no second row: that is why an
    attempt whose answer was lost may be repeated. `api_key`, or GALLERY_API_KEY, is sent where there is one. `timeout` is in seconds, for each attempt.
    """
    saved = {"session_id": session_id, "message_id": message_id}
    api_key = api_key or os.environ.get("GALLERY_API_KEY")
    body = {
        "user_id": user_id,
        "image_url": image_url,
        "refined_prompt": refined_prompt,
        "intent": intent,
        "metadata": {**(metadata or {}), **{name: value for name, value in saved.items() if value is not None}},
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
                return json.load(response)["data"]
        except urllib.error.HTTPError as refusal:
            with refusal:
                failure = _read_problem(refusal)
            if refusal.code not in WORTH_ANOTHER_TRY:
                raise failure from None
            retry_after = refusal.headers.get("Retry-After")
        except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError) as error:  # no connection, no time, no answer of ours
            failure = GalleryError(f"Gallery at {request.full_url} gave no answer: {getattr(error, 'reason', None) or error!r}")

        if attempt < attempts:
            sleep(_pause(attempt, retry_after))

    raise failure


def _read_problem(refusal):
    """The service's words, or HTTP's where something else answered, such as a proxy."""
    try:
        problem = json.load(refusal)
        return GalleryError(problem["message"], problem["code"], refusal.code, problem.get("errors"))
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return GalleryError(f"HTTP {refusal.code} {refusal.reason}", status=refusal.code)


def _pause(attempt, retry_after):
    """Seconds until the next attempt: what Retry-After asks for (RFC 9110, section 10.2.3), else a back-off with jitter."""
    wait = None
    if retry_after is not None:
        try:
            wait = float(retry_after) if retry_after.strip().isdecimal() else _seconds_until(retry_after)
        except (TypeError, ValueError):
            pass
    if wait is None:
        wait = FIRST_PAUSE * 2 ** (attempt - 1) * random.uniform(0.5, 1)  # jitter: clients that failed together come back apart
    return max(0.0, min(wait, LONGEST_PAUSE))


def _seconds_until(date):
    return email.utils.parsedate_to_datetime(date).timestamp() - time.time()


def main():
    # Where the task ends: the generator's answer has the URL, the conversation its ids.
    image_id = uuid.uuid4()
    try:
        image = save_image(
            user_id="user_123",
            image_url=f"https://res.cloudinary.com/demo/image/upload/v1/generated/{image_id}.png",
            refined_prompt="A lighthouse at dusk, oil on canvas",
            intent="generate",
            session_id="session_42",
            message_id="message_7",
        )
    except GalleryError as error:
        print(f"Not saved: {error.message} {error.errors or ''} (code {error.code})", file=sys.stderr)
        return 1
    print(json.dumps(image, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
