"""A server with real users and everything of one of them in a workspace, for the tests of access.

ann owns the workspace, col works in it, eve has another one, root is administrator of the server.
"""

import models
from harness import Api, unique, wait_until

ROW = [{"tensor": [1.0, 2.0]}]


class Team:
    def __init__(self, server):
        self.server = server
        self.url = server.url
        self.emails = {}
        self.root = self.join("root", "--administrator")
        self.ann, self.col, self.eve = (self.join(name) for name in ("ann", "col", "eve"))
        self.nobody = Api(self.url)
        self.workspace = self.ann.workspace()
        self.add("col")
        self.eves = self.eve.workspace()

    def join(self, name, *options):
        """A new user; the API as that user."""
        self.emails[name] = f"{unique(name)}@example.com"
        self.server.command("user", "create", self.emails[name], "--no-password", *options)
        return Api(self.url, self.server.command("token", "create", self.emails[name], "--name", "test"))

    def add(self, name, user_type="collaborator"):
        document = {"workspace_id": self.workspace, "email": self.emails[name], "user_type": user_type}
        return self.ann.post("/v1/api/workspaces/add_user", document)

    def remove(self, name):
        document = {"workspace_id": self.workspace, "email": self.emails[name]}
        return self.ann.post("/v1/api/workspaces/remove_user", document)

    def close(self):
        for api in (self.root, self.ann, self.col, self.eve, self.nobody):
            api.close()


class Things:
    """One of everything in the workspace of ann, as ids and names."""

    def __init__(self, team):
        ann = team.ann
        self.name = unique("guarded")
        self.deployment = ann.deploy(self.name, models.identity("float32", (2,)))
        self.deployment_name = f"{self.name}-{self.deployment.id}"
        wait_until(lambda: self.deployment.post(ROW).status_code == 200, what="an inference")
        self.pipeline = ann.post("/v1/api/pipelines/get", {"pipeline_id": self.deployment.pipeline})
        self.version = self.pipeline["versions"][0]
        self.config_id = self.version["model_config_ids"][0]
        config = ann.post("/v1/api/models/get_config", {"model_config_id": self.config_id})
        self.model = config["model_version"]
        topic = ann.post("/v1/api/plateau/get_topic_name", {"pipeline_pk_id": self.pipeline["id"]})
        self.topic = topic["topic_name"]
        users = team.root.post("/v1/api/users/query", {})["users"]
        self.eve = next(i for i, user in users.items() if user["email"] == team.emails["eve"])
        self.connection = unique("connection")
        document = {"name": self.connection, "type": "T", "details": {"password": "secret"}}
        self.connection_id = ann.post("/v1/api/connections/create", document)["id"]
        link = {"workspace_id": team.workspace, "connection_id": self.connection_id}
        ann.post("/v1/api/connections/add_to_workspace", link)
        self.tag_id = ann.post("/v1/api/tags/create", {"tag": unique("tag")})["id"]
        tagged = {"pipeline_id": self.pipeline["id"], "tag_id": self.tag_id}
        ann.post("/v1/api/tags/add_to_pipeline", tagged)
