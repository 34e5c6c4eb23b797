"""Marks a photograph as colorized, in its XMP packet.

Colors are a guess: a reader, or a program, is to tell them from a document.
"""

import re
from xml.sax import saxutils

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
"""IPTC's term for a photograph that a trained model has added to."""

_NAMESPACE = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_PROPERTIES = ("DigitalSourceType", "AISystemUsed", "AISystemVersionUsed")
_PACKET = (
    b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/">\n'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n'
    b"</rdf:RDF>\n"
    b"</x:xmpmeta>\n"
    b'<?xpacket end="w"?>'
)
_END = re.compile(rb"</rdf:RDF\s*>")
_ABOUT = re.compile(rb'<rdf:Description\b[^>]*?\srdf:about="([^"]*)"', re.DOTALL)


def marked(packet: bytes | None, *, system: str, version: str) -> bytes:
    """Returns an XMP packet that says that a model has added the colors.

    What the packet says besides is kept, but for an earlier mark: one of the three
    properties that this writes.

    Args:
        packet: of the photograph, in UTF-8; None for none.
        system: name of the program and the model, and the decoding.
        version: of the program.

    Raises:
        ValueError: the packet is not RDF in the usual form.

    Source:
        IPTC Photo Metadata Standard 2025.1, Extension schema; Digital Source Type
        NewsCodes; ISO 16684-1 (XMP), section 7.
    """
    packet = packet or _PACKET
    ends = list(_END.finditer(packet))
    if not ends:
        raise ValueError("its XMP has no RDF to extend")
    for name in _PROPERTIES:
        packet = _without(packet, f"Iptc4xmpExt:{name}".encode())
    about = _ABOUT.search(packet)
    values = zip(_PROPERTIES, (SOURCE_TYPE, system, version), strict=True)
    lines = [f"  Iptc4xmpExt:{name}={saxutils.quoteattr(x)}" for name, x in values]
    mark = b'<rdf:Description rdf:about="%s"\n  xmlns:Iptc4xmpExt="%s"\n%s/>\n' % (
        about[1] if about else b"",
        _NAMESPACE.encode(),
        "\n".join(lines).encode(),
    )
    end = list(_END.finditer(packet))[-1].start()
    return packet[:end] + mark + packet[end:]


def _without(packet: bytes, name: bytes) -> bytes:
    """Returns a packet without a property, an attribute or an element."""
    forms = (
        rb"\s%s\s*=\s*\"[^\"]*\"" % name,
        rb"\s%s\s*=\s*'[^']*'" % name,
        rb"<%s\b[^>]*/>" % name,
        rb"<%s\b[^>]*>.*?</%s\s*>" % (name, name),
    )
    for form in forms:
        packet = re.sub(form, b"", packet, flags=re.DOTALL)
    return packet
