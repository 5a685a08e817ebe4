#!/usr/bin/env bash
# Makes every picture of this folder, as PNG and SVG, article.md, and the pages: bash reports/make.sh [FOLDER]
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

mkdir -p "$out/pages"
found=$(mktemp -d)
archcost search --budget 300M --device rk3399-tflite --max-latency 55ms --out "$found/mobilenetv1-search" >"$found/said"
archcost report mobilenetv1 --device pixel3-cpu --device nvidia-t4 -o "$out/pages/mobilenetv1.html"
archcost report resnet50 --device nvidia-t4 --device nvidia-h100 -o "$out/pages/resnet50.html"
archcost report "$found/mobilenetv1-search" --device rk3399-tflite -o "$out/pages/mobilenetv1-search.html"
python reports/screenshots.py "$out/pages"
rm -r "$found"
