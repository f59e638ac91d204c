# Label maps and Gaussians -> what every Gaussian is, objects as files, and how good that is.
localrules:
    segment,
    objects,
    evaluate,


rule segment:
    input:
        method_paths("results/{scene}/segmentation/{method}/manifest.json"),


rule objects:
    input:
        every_segmented_scene("results/{scene}/objects/manifest.json"),


rule evaluate:
    input:
        every_segmented_scene("results/{scene}/evaluation/manifest.json"),


rule segment_3d:
    input:
        scene="results/{scene}/scene/manifest.json",
        gaussians="results/{scene}/gaussians/point_cloud.ply",
        masks="results/{scene}/masks/consistent/manifest.json",
    output:
        "results/{scene}/segmentation/{method}/manifest.json",
    log:
        "logs/{scene}/segment_3d_{method}.log",
    benchmark:
        "results/{scene}/benchmarks/segment_3d_{method}.jsonl"
    threads: 8
    resources:
        gpu=gpus("segment"),
        mem_mb=16000,
        runtime=240,
    params:
        config=lambda wildcards: segmentation(wildcards).methods[wildcards.method],
        code=code("segment_3d"),
    message:
        "segment {wildcards.scene} by {wildcards.method}"
    shell:
        'SPLATSMITH_CODE={params.code} "$PYTHON" -m splatsmith.base.gpu_lease {resources.gpu}'
        ' "$PYTHON" -u "$SCRIPTS"/segment_3d.py --scene results/{wildcards.scene}/scene --gaussians {input.gaussians:q}'
        " --masks results/{wildcards.scene}/masks/consistent"
        " --output results/{wildcards.scene}/segmentation/{wildcards.method} --config {params.config:q}"
        " --threads {threads} 2>&1 | tee -i {log:q}"


rule extract_objects:
    input:
        segmentation=lambda wildcards: methods_of(wildcards)[0],
        scene="results/{scene}/scene/manifest.json",
        masks="results/{scene}/masks/consistent/manifest.json",
    output:
        "results/{scene}/objects/manifest.json",
    log:
        "logs/{scene}/extract_objects.log",
    benchmark:
        "results/{scene}/benchmarks/extract_objects.jsonl"
    threads: 2
    resources:
        gpu=0,
        mem_mb=8000,
        runtime=60,
    params:
        segmentation=lambda wildcards, input: folders([input.segmentation])[0],
        config=settings("objects"),
        code=code("extract_objects"),
    message:
        "objects {wildcards.scene}"
    shell:
        'SPLATSMITH_CODE={params.code} "$PYTHON" -u "$SCRIPTS"/extract_objects.py --segmentation {params.segmentation:q}'
        " --scene results/{wildcards.scene}/scene --masks results/{wildcards.scene}/masks/consistent"
        " --output results/{wildcards.scene}/objects --config {params.config:q} 2>&1 | tee -i {log:q}"


rule evaluate_segmentation:
    input:
        scene="results/{scene}/scene/manifest.json",
        segmentations=methods_of,
        truth=lambda wildcards: segmentation(wildcards).truth,
    output:
        "results/{scene}/evaluation/manifest.json",
    log:
        "logs/{scene}/evaluate.log",
    benchmark:
        "results/{scene}/benchmarks/evaluate.jsonl"
    threads: 1
    resources:
        gpu=0,
        mem_mb=4000,
        runtime=60,
    params:
        source=scene_path,
        segmentations=lambda wildcards, input: folders(input.segmentations),
        config=settings("evaluate"),
        code=code("evaluate"),
    message:
        "evaluate {wildcards.scene}"
    shell:
        'SPLATSMITH_CODE={params.code} "$PYTHON" -u "$SCRIPTS"/evaluate.py --scene results/{wildcards.scene}/scene'
        " --source {params.source:q} --segmentations {params.segmentations:q}"
        " --output results/{wildcards.scene}/evaluation --config {params.config:q} 2>&1 | tee -i {log:q}"
