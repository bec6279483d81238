"""llama.cpp's own reading of its arguments, which downloads what -hf names: python llama.py ARGUMENT...

The package xllamacpp carries llama.cpp as a library whose function for this is exported; its Python side does not call it. The
function fills the parameters that a Python object begins with.
"""

import ctypes
import sys

import xllamacpp

PARSE = "_Z19common_params_parseiPPcR13common_params13llama_examplePFviS0_E"

library = ctypes.CDLL(sys.modules["xllamacpp.xllamacpp"].__file__)
parse = library[PARSE]
parse.restype = ctypes.c_bool

params = xllamacpp.CommonParams()
words = [b"llama-server", *(a.encode() for a in sys.argv[1:])]
argv = (ctypes.c_char_p * (len(words) + 1))(*words, None)
print(xllamacpp.BUILD_INFO)
if not parse(len(words), argv, ctypes.c_void_p(id(params) + object.__basicsize__), 0, None) or not params.model.path:
    sys.exit("nothing to run")
print(params.model.path)
