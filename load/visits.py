"""
What users of PetClinic do all day: log in, look owners up, book visits.

Run by canarytest as a child process, or by hand:
`locust --headless -f load/visits.py --host http://127.0.0.1:8080 -u 20 -r 20 -t 30s`
"""

from __future__ import annotations

import random
import time
import uuid
from datetime import UTC, datetime

from locust import FastHttpUser, constant_throughput, task

REQUESTS_PER_S = 10  # of one user
KNOWN_OWNERS = range(1, 6)  # PetClinic's own: there whether or not versions share a storage
KNOWN_PETS = range(1, 6)


# FastHttpUser: a request costs it a fraction of what HttpUser's `requests` takes. The generator
# shares the machine with both versions here, and one that cannot keep up proves nothing.
class Receptionist(FastHttpUser):
    """
    A person at the desk, at a steady pace.

    One request is one task, so that the pace is counted in requests: a slow answer is made up
    for as far as one person can, who waits for each answer before the next question.
    """

    wait_time = constant_throughput(REQUESTS_PER_S)
    connection_timeout = 5.0
    network_timeout = 10.0

    def on_start(self) -> None:
        self.mark = f"load {uuid.uuid4()}"  # on what this user books, so that it can be found
        self.pet = random.choice(KNOWN_PETS)
        # Users that start together would ask in step for ever: a burst ten times a second, whose
        # queueing would be taken for the version's latency.
        time.sleep(random.uniform(0, 1 / REQUESTS_PER_S))

    def on_stop(self) -> None:
        # All at once, since a minute books hundreds. Whatever comes of it, it says nothing about
        # the version: it may be rolled back and gone by now.
        with self.client.delete(
            f"/petclinic/pets/{self.pet}/visits?description={self.mark.replace(' ', '+')}",
            name="(clean up)",
            catch_response=True,
        ) as reply:
            reply.success()

    @task(2)
    def log_in(self) -> None:
        self.client.post(
            "/petclinic/login", json={"user": "jane", "password": "secret"}, name="POST login"
        )

    @task(3)
    def list_owners(self) -> None:
        self.client.get("/petclinic/owners", name="GET owners")

    @task(3)
    def read_an_owner(self) -> None:
        owner = random.choice(KNOWN_OWNERS)
        self.client.get(f"/petclinic/owners/{owner}", name="GET owners/{id}")

    @task(2)
    def book_a_visit(self) -> None:
        self.client.post(
            f"/petclinic/pets/{self.pet}/visits",
            json={"date": datetime.now(UTC).date().isoformat(), "description": self.mark},
            name="POST pets/{id}/visits",
        )
