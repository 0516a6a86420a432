"""What a data scientist would write by hand: a model behind FastAPI, with JSON records or Arrow.

usage: fastapi_server.py MODEL PORT
"""

import sys

import numpy as np
import onnxruntime
import orjson
import pyarrow as pa
import uvicorn
from fastapi import FastAPI, Request, Response

ARROW = "application/vnd.apache.arrow.file"

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
model_input = session.get_inputs()[0].name
model_output = session.get_outputs()[0].name
app = FastAPI()


def infer(rows):
    return session.run([model_output], {model_input: rows})[0]


@app.post("/infer")
async def infer_records(request: Request):
    body = await request.body()
    if request.headers["content-type"] == ARROW:
        table = pa.ipc.open_file(pa.py_buffer(body)).read_all()
        column = table["tensor"].combine_chunks()
        result = infer(column.flatten().to_numpy().reshape(len(column), -1))
        values = pa.FixedSizeListArray.from_arrays(pa.array(result.ravel()), result.shape[1])
        structs = {
            "in": pa.StructArray.from_arrays([column], ["tensor"]),
            "out": pa.StructArray.from_arrays([values], [model_output]),
        }
        answer = pa.table(structs)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, answer.schema) as writer:
            writer.write_table(answer)
        return Response(sink.getvalue().to_pybytes(), media_type=ARROW)
    records = orjson.loads(body)
    result = infer(np.array([record["tensor"] for record in records], dtype=np.float32))
    answer = [{"in": record, "out": {model_output: row}} for record, row in zip(records, result.tolist())]
    return Response(orjson.dumps(answer), media_type="application/json")


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="error", access_log=False)
