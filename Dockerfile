# The tested versions:
#   docker build -t mmseg_labelfree .
#   docker run --rm -v "$PWD/data:/work/data" -v "$PWD/work_dirs:/work/work_dirs" \
#       mmseg_labelfree python tools/train.py configs/mib/demo_voc_15-1.py
# With GPUs run with --gpus all --shm-size 8g. For wheels of another CUDA, or smaller ones
# without it, give the index that PyTorch's page names: --build-arg TORCH_INDEX=...
FROM python:3.11-slim
ARG TORCH_INDEX=
# g++: pydensecrf2 has no wheels.
RUN apt-get update \
    && apt-get install --no-install-recommends --yes g++ libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /work
COPY requirements.lock .
RUN pip install --no-cache-dir ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} -r requirements.lock
COPY . .
RUN pip install --no-cache-dir --no-deps -e .
ENV MPLBACKEND=Agg
CMD ["python", "tools/train.py", "--help"]
