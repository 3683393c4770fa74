"""Makes face_embedding.onnx: `pip install onnx`, then run this file.

Average over 8 x 8 squares of a face of 64 x 64, edges from the difference to
a wider average, 128 numbers in all. No training, so nothing to download.
"""
from pathlib import Path

from onnx import TensorProto, checker, helper, save

face = helper.make_tensor_value_info("face", TensorProto.FLOAT,
                                     [1, 1, 64, 64])
out = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, 128])
nodes = [
    helper.make_node("AveragePool", ["face"], ["fine"],
                     kernel_shape=[8, 8], strides=[8, 8]),
    helper.make_node("AveragePool", ["face"], ["wide"], kernel_shape=[24, 24],
                     strides=[8, 8], pads=[8, 8, 8, 8]),
    helper.make_node("Sub", ["fine", "wide"], ["edges"]),
    helper.make_node("Concat", ["fine", "edges"], ["both"], axis=1),
    helper.make_node("Flatten", ["both"], ["embedding"]),
]
model = helper.make_model(
    helper.make_graph(nodes, "face_embedding", [face], [out]),
    opset_imports=[helper.make_opsetid("", 13)], ir_version=8,
    producer_name="dual-machine")
checker.check_model(model, full_check=True)
save(model, Path(__file__).with_name("face_embedding.onnx"))
