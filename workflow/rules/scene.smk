# A scene as it was captured -> undistorted pictures, cameras, points and split, in the project's own form.
localrules:
    prepare,


rule prepare:
    input:
        every_scene("results/{scene}/scene/manifest.json"),


rule prepare_scene:
    input:
        scene_files,
    output:
        "results/{scene}/scene/manifest.json",
    log:
        "logs/{scene}/prepare_scene.log",
    benchmark:
        "results/{scene}/benchmarks/prepare_scene.jsonl"
    threads: 8
    resources:
        gpu=0,
        mem_mb=8000,
        runtime=120,
    params:
        scene=scene_path,
        split=scene_split,  # only to see a change: as a word of the command it might be too long
        split_option=scene_split_option,
        config=settings("prepare"),
        code=code("prepare_scene"),
    message:
        "prepare {wildcards.scene}: {params.scene}"
    shell:
        'SPLATSMITH_CODE={params.code} "$PYTHON" -u "$SCRIPTS"/prepare_scene.py --scene {params.scene:q}'
        " --output results/{wildcards.scene}/scene {params.split_option} --config {params.config:q}"
        " --threads {threads} 2>&1 | tee -i {log:q}"
