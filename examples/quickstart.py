# %% [markdown]
# # The first inference
#
# Trains a small model for card fraud, uploads it to Joey, deploys it and asks it, by Python and by curl.
# `make demo` runs this file; `quickstart.ipynb` is the same as a notebook. A running `joey serve` is needed.

# %%
import json
import os
import pathlib
import subprocess
import tempfile

import numpy as np
import pandas as pd
import pyarrow as pa
import wallaroo

os.environ.setdefault("WALLAROO_URL", "http://127.0.0.1:8080")
wl = wallaroo.Client()

# %% [markdown]
# ## A model of our own
# Transactions of 29 numbers each; those that match a certain pattern are called fraud.

# %%
from sklearn.neural_network import MLPClassifier  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

random = np.random.default_rng(2024)
transactions = random.normal(size=(4000, 29)).astype(np.float32)
fraud = (transactions[:, 0] + transactions[:, 3] * transactions[:, 7] - transactions[:, 11] > 2.5).astype(int)
classifier = make_pipeline(StandardScaler(), MLPClassifier((16,), max_iter=400, random_state=1))
classifier.fit(transactions[:3000], fraud[:3000])
print(f"accuracy on unseen transactions: {classifier.score(transactions[3000:], fraud[3000:]):.3f}")

# %% [markdown]
# As ONNX it is one file that needs no Python to run.

# %%
from skl2onnx import to_onnx  # noqa: E402

onnx_model = to_onnx(classifier, transactions[:1], options={"zipmap": False}, target_opset=17)
model_file = pathlib.Path(tempfile.mkdtemp(prefix="joey-quickstart-"), "fraud.onnx")
model_file.write_bytes(onnx_model.SerializeToString())
print(f"{model_file.stat().st_size} bytes")

# %% [markdown]
# ## Upload and deploy
# `tensor_fields` names the model's input after the column of our data.

# %%
model = wl.upload_model("fraud", model_file, framework=wallaroo.framework.Framework.ONNX)
model.configure(tensor_fields=["tensor"])
model_file.unlink()
model_file.parent.rmdir()

pipeline = wl.build_pipeline("fraud-detector")
pipeline.clear()
pipeline.add_model_step(model)
resources = wallaroo.DeploymentConfigBuilder().replica_count(1).cpus(0.5).memory("512Mi").build()
pipeline.deploy(deployment_config=resources)

# %% [markdown]
# ## Infer with a DataFrame
# One row in, one row out. `out.probabilities` holds the probability of "fine" and of "fraud".

# %%
frame = pd.DataFrame({"tensor": [row.tolist() for row in transactions[3000:3005]]})
answer = pipeline.infer(frame)
print(answer.drop(columns="in.tensor").to_string())

# %% [markdown]
# ## The same by curl
# Any language that speaks HTTP will do.

# %%
body = json.dumps([{"tensor": [round(float(x), 4) for x in transactions[3000]]}])
curl = ["curl", "-sS", pipeline.url(), "-H", "Content-Type: application/json; format=pandas-records"]
curl += ["-H", "Accept: application/json; format=pandas-records"]
for name, value in wl.auth.auth_header().items():  # where the server has users
    curl += ["-H", f"{name}: {value}"]
print(
    "curl", pipeline.url(), "-H 'Content-Type: application/json; format=pandas-records' -d", f"'{body[:40]}…'"
)
by_curl = subprocess.run([*curl, "-d", body], capture_output=True, text=True, check=True).stdout
print(json.loads(by_curl)[0]["out"])

# %% [markdown]
# ## The log
# Every row of every inference is kept, newest first: the one by curl, then those of the DataFrame.

# %%
logs = pipeline.logs(limit=10)
print(logs.drop(columns="in.tensor").to_string())

# %% [markdown]
# ## Infer with Arrow
# The fast way for many rows: 1,000 at once, as an Arrow table in and out. They are in the log too; Arrow says
# float where JSON says double, so `logs()` shows one kind at a time.

# %%
many = pa.FixedSizeListArray.from_arrays(pa.array(transactions[3000:].ravel()), 29)
table = pipeline.infer(pa.table({"tensor": many}))
called_fraud = np.asarray(table["out.label"].to_pylist()).ravel()
print(f"{called_fraud.sum()} of {table.num_rows} transactions look like fraud")

# %% [markdown]
# ## When it is no longer needed
# `pipeline.undeploy()` ends the engine and gives its memory back; models, pipelines and logs stay.

# %%
if os.environ.get("JOEY_KEEP") is None:
    pipeline.undeploy()
