"""`jaxcolor serve`: a page for people with photographs, and the same over HTTP.

`app.make` puts it together. One thread computes (`computing`), what it computes is in
`coloring`, and the photographs of each visitor are an album (`albums`).
"""
