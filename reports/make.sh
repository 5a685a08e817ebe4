#!/usr/bin/env bash
# Makes every picture of this folder, as PNG and SVG, and article.md: bash reports/make.sh [FOLDER]
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-reports}
keras=(--recipe keras --recipe "as quoted in arXiv:1704.04861")

for form in png svg; do
  archcost plot mobilenetv1 --surface -o "$out/mobilenetv1.$form"
  archcost plot mobilenetv1 mobilenetv2 mobilenetv3_large mobilenetv3_small --width 150 --height 120 --dpi 250 \
    -o "$out/mobilenets.$form"
  archcost plot mobilenetv1 googlenet vgg16 vgg19 resnet50 resnet101 inceptionv3 xception "${keras[@]}" \
    -o "$out/article.$form"
  archcost plot reports/latency/pixel3.csv --where processor=GPU --x macs --x latency --dpi 230 \
    -o "$out/pixel3-gpu.$form"
  archcost plot reports/latency/rk3399.csv --where "runtime=ArmNN v19.08 (OpenCL)" --x macs --x latency --height 115 \
    --dpi 200 -o "$out/rk3399-mali.$form"
  for picture in kinds roofline memory; do
    python reports/pictures.py "$picture" "$out/$picture.$form"
  done
done
python reports/article.py "$out/article.md"
