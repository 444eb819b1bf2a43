# The app, on the processor alone, for people on this machine. docs/container.md has the commands.
FROM python:3.12-slim

# torch and torchvision must come as a matching pair: a build of one for the processor alone does not import beside the
# usual build of the other. One call of pip resolves such a pair. It brings about 6 GB of CUDA libraries, so that the image
# is large; whoever has a matching pair without them can install it in this step instead. A step of its own, so that a
# change of Derm's code does not install them again.
RUN pip install --no-cache-dir "torch>=2.6,<3" "torchvision>=0.21"

WORKDIR /app
COPY pyproject.toml README.md LICENSE ./
COPY derm derm
COPY pages pages
COPY .streamlit .streamlit
COPY weights weights
COPY streamlit_app.py ./
# In place: the app, its pages and the weights are found beside the package.
ARG EXTRAS=login,postgresql
RUN pip install --no-cache-dir --editable ".[${EXTRAS}]" && python -m compileall -q derm pages

# Runs, results and decoded images are this user's; the program itself is not, so that the app cannot change it.
RUN useradd --create-home --uid 1000 derm && install -d -o derm -g derm /home/derm/runs /home/derm/results \
    /home/derm/cache /home/derm/records
USER 1000
ENV DERM_RUNS=/home/derm/runs \
    DERM_RESULTS=/home/derm/results \
    DERM_CACHE=/home/derm/cache \
    DERM_RECORDS=/home/derm/records \
    PYTHONSAFEPATH=1

# Inside, the server must listen on every address, or no port can be passed on to it; so that it asks for a token, which
# the printed address ends in. The health is told without one. With login see deploy/compose.yml.
EXPOSE 8501
HEALTHCHECK --start-period=60s --interval=30s --timeout=5s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8501/healthz', timeout=4)"]
CMD ["derm", "app", "--address=0.0.0.0", "--port=8501", "--token", "--no-browser"]
