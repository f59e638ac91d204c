# A prepared scene -> 3D Gaussians.
localrules:
    train,


rule train:
    input:
        every_scene(
            "results/{scene}/gaussians/point_cloud.ply",
            "results/{scene}/gaussians/metrics.jsonl",
            "results/{scene}/gaussians/training.png",
        ),


# The state that a killed run resumes from is no output, for Snakemake deletes outputs before it runs a job.
rule train_3dgs:
    input:
        "results/{scene}/scene/manifest.json",
    output:
        ply="results/{scene}/gaussians/point_cloud.ply",
        metrics="results/{scene}/gaussians/metrics.jsonl",
        figure="results/{scene}/gaussians/training.png",
    log:
        "logs/{scene}/train_3dgs.log",
    benchmark:
        "results/{scene}/benchmarks/train_3dgs.jsonl"
    threads: 8
    resources:
        gpu=gpus("train"),
        mem_mb=16000,
        runtime=720,
    params:
        config=settings("train"),
        code=code("train_3dgs"),
    message:
        "train {wildcards.scene}"
    shell:
        'SPLATSMITH_CODE={params.code} "$PYTHON" -m splatsmith.base.gpu_lease {resources.gpu}'
        ' "$PYTHON" -u "$SCRIPTS"/train_3dgs.py --scene results/{wildcards.scene}/scene'
        " --output results/{wildcards.scene}/gaussians --state results/{wildcards.scene}/.resume/train_3dgs"
        " --config {params.config:q} --threads {threads} 2>&1 | tee -i {log:q}"
