"""Tags and searches as notebooks use them (guide L9302-9399)."""

import datetime

import harness
import models
import pytest
import wallaroo
from wallaroo import exceptions
from wallaroo.framework import Framework

pytestmark = pytest.mark.xdist_group("shared-joey")


@pytest.fixture
def wl(joey_url):
    client = wallaroo.Client(joey_url, interactive=False)
    client.set_current_workspace(client.create_workspace(harness.unique("tag")))
    return client


@pytest.fixture
def model(wl, tmp_path):
    file = tmp_path / "ccfraud.onnx"
    file.write_bytes(models.identity())
    return wl.upload_model("tagtestmodel", file, Framework.ONNX)


def rows(listed, tag):
    frame = listed.to_pandas()
    return frame[frame["tag"] == tag].to_dict("records")


def test_tag_on_a_pipeline(wl):
    text = harness.unique("My Great Tag")
    tag = wl.create_tag(text)
    assert rows(wl.list_tags(), text) == []
    pipeline = wl.build_pipeline("tagtestpipeline")
    assert tag.add_to_pipeline(pipeline.id()) == {"pipeline_pk_id": pipeline.id(), "tag_pk_id": tag.id()}
    version = pipeline.versions()[0].name()
    assert rows(wl.list_tags(), text) == [
        {"id": tag.id(), "tag": text, "models": [], "pipelines": [("tagtestpipeline", [version])]}
    ]
    found = wl.search_pipelines(text)
    assert list(found.to_pandas().columns) == [
        "name",
        "version",
        "creation_time",
        "last_updated_time",
        "deployed",
        "tags",
        "steps",
    ]
    row = found.to_pandas().to_dict("records")[0]
    assert (row["name"], row["version"], row["deployed"]) == ("tagtestpipeline", version, "(unknown)")
    assert row["tags"] == text
    assert [p.id() for p in tag.list_pipelines()] == [pipeline.id()]
    assert f"<tr><th>tags</th><td>{text}</td></tr>" in pipeline._repr_html_()
    assert text in pipeline.versions()[0]._repr_html_()
    other = wl.create_tag(harness.unique("zweites"))
    other.add_to_pipeline(pipeline.id())
    assert wl.get_pipeline("tagtestpipeline")._fields()[4] == ("tags", f"{text}, {other.tag()}")
    assert tag.remove_from_pipeline(pipeline.id()) == {
        "pipeline_pk_id": pipeline.id(),
        "tag_pk_id": tag.id(),
    }
    assert rows(wl.list_tags(), text) == []
    assert wl.search_pipelines(text) == []


def test_tag_on_a_model(wl, model):
    text = harness.unique("My Great Tag")
    tag = wl.create_tag(text)
    assert wl.create_tag(text) == tag
    assert tag.add_to_model(model.id()) == {"model_id": model.id(), "tag_id": tag.id()}
    assert rows(wl.list_tags(), text) == [
        {"id": tag.id(), "tag": text, "models": [("tagtestmodel", [model.version()])], "pipelines": []}
    ]
    found = wl.search_models(text.upper())
    frame = found.to_pandas()
    assert list(frame.columns) == ["name", "version", "file_name", "image_path", "last_update_time"]
    assert frame.loc[0, ["name", "version", "file_name", "image_path"]].tolist() == [
        "tagtestmodel",
        model.version(),
        "ccfraud.onnx",
        None,
    ]
    assert found[0] == model
    assert [m.id() for m in tag.list_models()] == [model.id()]
    assert tag.remove_from_model(model.id()) == {"model_id": model.id(), "tag_id": tag.id()}
    assert wl.search_models(text) == []


def test_search_parameters(wl, model):
    before = datetime.datetime.now() - datetime.timedelta(hours=1)
    after = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
    version = model.version()
    assert wl.search_models(version) == [model]
    assert wl.search_my_models(version) == [model]
    assert wl.search_models(version, uploaded_time_start=before, uploaded_time_end=after) == [model]
    assert wl.search_models(version, uploaded_time_start=after) == []
    assert wl.search_models(version, uploaded_time_end=before) == []
    assert model in wl.search_models()
    name = harness.unique("find-me")
    pipeline = wl.build_pipeline(name).add_model_step(model)
    pipeline.create_version()
    ids = [v.id() for v in pipeline.versions()]
    assert [v.id() for v in wl.search_pipelines(name)] == ids
    assert [v.id() for v in wl.search_pipelines(name, deployed=False)] == ids
    assert wl.search_pipelines(name, deployed=True) == []
    assert [v.id() for v in wl.search_pipelines(name, created_start=before, updated_end=after)] == ids
    assert wl.search_pipelines(name, created_end=before) == []
    assert wl.search_pipelines(name, updated_start=after) == []
    assert wl.search_pipelines(name)._rows()[0][-1] == "tagtestmodel"
    with pytest.raises(exceptions.InvalidRequestError, match="created_start"):
        wl.search_pipelines(name, created_start="yesterday")


def test_texts_of_users_are_shown_as_texts(wl, model):
    text = harness.unique('<script>alert("x")</script> \' OR 1=1 -- %')
    tag = wl.create_tag(text)
    tag.add_to_model(model.id())
    html = wl.list_tags()._repr_html_() + tag._repr_html_()
    assert "<script>" not in html and "&lt;script&gt;" in html
    assert wl.search_models(text) == [model]
    assert wl.search_models(text + "x") == []


def test_what_cannot_be_tagged(wl, model):
    tag = wl.create_tag(harness.unique("t"))
    for call in (tag.add_to_model, tag.add_to_pipeline, tag.remove_from_model, tag.remove_from_pipeline):
        with pytest.raises(exceptions.EntityNotFoundError):
            call(123456789)
    for text in ("", "   ", "a\nb", "x" * 256):
        with pytest.raises(exceptions.InvalidRequestError):
            wl.create_tag(text)
