"""The colorizer as a static page that runs on the user's own machine.

`index.html`, `style.css`, `sw.js` and `src/` are the page; `package.json` names what it
takes from npm: ONNX Runtime Web and the slider. `folder.write` puts them together with
a model.
"""
