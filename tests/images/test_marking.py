"""The mark of a colorized photograph, read by Pillow's and Python's XML readers."""

from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from jaxcolor import images
from jaxcolor.images import marking

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
IPTC = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"
TITLED = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="uuid:7" xmlns:p="urn:p" p:title="Oma &amp; Opa"%s>%s
</rdf:Description>
</rdf:RDF></x:xmpmeta>"""
OLD = b' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'


def _marked(packet):
    return marking.marked(packet, system='jaxcolor, model "a<b"', version="1.2")


def _descriptions(packet):
    return list(ElementTree.fromstring(packet).iter(f"{RDF}Description"))


def test_a_mark_names_source_type_system_and_version():
    (description,) = _descriptions(_marked(None))
    assert description.attrib == {
        f"{RDF}about": "",
        f"{IPTC}DigitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/"
        "compositeWithTrainedAlgorithmicMedia",
        f"{IPTC}AISystemUsed": 'jaxcolor, model "a<b"',
        f"{IPTC}AISystemVersionUsed": "1.2",
    }


def test_xmp_that_is_there_is_kept_and_extended():
    own, mark = _descriptions(_marked(TITLED % (b"", b"")))
    assert own.attrib == {f"{RDF}about": "uuid:7", "{urn:p}title": "Oma & Opa"}
    # All descriptions are about one thing.
    assert mark.attrib[f"{RDF}about"] == "uuid:7"


@pytest.mark.parametrize(
    ("attribute", "element"),
    [
        (b' Iptc4xmpExt:DigitalSourceType="digitalCapture"', b""),
        (b"", b"<Iptc4xmpExt:DigitalSourceType>print</Iptc4xmpExt:DigitalSourceType>"),
        (b"", b'<Iptc4xmpExt:DigitalSourceType rdf:resource="print"/>'),
    ],
)
def test_another_source_type_is_replaced(attribute, element):
    packet = _marked(TITLED % (OLD + attribute, element))
    assert packet.count(b"DigitalSourceType") == 1
    own, mark = _descriptions(packet)
    assert len(own) == 0
    assert mark.attrib[f"{IPTC}DigitalSourceType"] == marking.SOURCE_TYPE


def test_marking_twice_leaves_one_mark():
    once = _marked(None)
    assert _marked(_marked(None)).count(b"AISystemUsed") == once.count(b"AISystemUsed")


def test_xmp_without_rdf_is_refused():
    with pytest.raises(ValueError, match="no RDF"):
        _marked(b"<x:xmpmeta/>")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".avif"])
def test_every_format_with_xmp_carries_the_mark(tmp_path, suffix):
    path = tmp_path / f"photo{suffix}"
    photo = images.Photo(np.full((8, 8, 3), 90, np.uint8), xmp=_marked(None))
    images.save(photo, path)
    with Image.open(path) as image:
        found = image.info.get("xmp") or image.info["XML:com.adobe.xmp"].encode()
    assert marking.SOURCE_TYPE.encode() in found
