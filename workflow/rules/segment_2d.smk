# Photos and what is asked for -> which pixels show which object, the same numbers in all views.
localrules:
    masks,


rule masks:
    input:
        every_segmented_scene("results/{scene}/masks/consistent/manifest.json"),


rule segment_2d:
    input:
        mask_inputs,
        scene="results/{scene}/scene/manifest.json",
    output:
        "results/{scene}/masks/raw/manifest.json",
    log:
        "logs/{scene}/segment_2d.log",
    benchmark:
        "results/{scene}/benchmarks/segment_2d.jsonl"
    threads: 8
    resources:
        gpu=gpus("masks"),
        mem_mb=16000,
        runtime=240,
    params:
        source=scene_path,
        objects=lambda wildcards: segmentation(wildcards).objects,
        gaussians=lambda wildcards: (
            f"--gaussians results/{wildcards.scene}/gaussians/point_cloud.ply"
            if segmentation(wildcards).needs_gaussians
            else ""
        ),
        models=PLAN.config.models.dir,
        device=PLAN.config.models.device,
        config=settings("masks"),
        code=code("segment_2d"),
    message:
        "masks {wildcards.scene}"
    shell:
        'SPLATSMITH_CODE={params.code} "$PYTHON" -m splatsmith.base.gpu_lease {resources.gpu}'
        ' "$PYTHON" -u "$SCRIPTS"/segment_2d.py --scene results/{wildcards.scene}/scene --source {params.source:q}'
        " --objects {params.objects:q} {params.gaussians} --models {params.models:q} --device {params.device}"
        " --output results/{wildcards.scene}/masks/raw --config {params.config:q} --threads {threads} 2>&1 | tee -i {log:q}"


rule associate_masks:
    input:
        scene="results/{scene}/scene/manifest.json",
        masks="results/{scene}/masks/raw/manifest.json",
        gaussians="results/{scene}/gaussians/point_cloud.ply",
    output:
        "results/{scene}/masks/consistent/manifest.json",
    log:
        "logs/{scene}/associate_masks.log",
    benchmark:
        "results/{scene}/benchmarks/associate_masks.jsonl"
    threads: 8
    resources:
        gpu=gpus("associate"),
        mem_mb=16000,
        runtime=120,
    params:
        config=settings("associate"),
        code=code("associate_masks"),
    message:
        "associate {wildcards.scene}"
    shell:
        'SPLATSMITH_CODE={params.code} "$PYTHON" -m splatsmith.base.gpu_lease {resources.gpu}'
        ' "$PYTHON" -u "$SCRIPTS"/associate_masks.py --scene results/{wildcards.scene}/scene'
        " --masks results/{wildcards.scene}/masks/raw --gaussians {input.gaussians:q}"
        " --output results/{wildcards.scene}/masks/consistent --config {params.config:q} --threads {threads}"
        " 2>&1 | tee -i {log:q}"
