# install.sh FOLDER - gemma itself, without what standins.py stands in for, so that Python 3.11 has it too
"$1/venv/bin/python" -m pip install -q --disable-pip-version-check --no-deps --ignore-requires-python gemma==4.0.1
