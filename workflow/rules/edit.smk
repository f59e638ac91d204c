# A segmented scene -> the same scene changed, one result for each edit of its description.
localrules:
    edit,


rule edit:
    input:
        [
            f"results/{scene}/edits/{edit}/manifest.json"
            for scene in PLAN.segmented
            for edit in PLAN.scenes[scene].segmentation.edits
        ],


rule edit_scene:
    input:
        scene="results/{scene}/scene/manifest.json",
        objects="results/{scene}/objects/manifest.json",
        base=lambda wildcards: f"{edit_base(wildcards)}/manifest.json",
    output:
        "results/{scene}/edits/{edit}/manifest.json",
    log:
        "logs/{scene}/edit_scene_{edit}.log",
    benchmark:
        "results/{scene}/benchmarks/edit_scene_{edit}.jsonl"
    threads: 4
    resources:
        gpu=gpus("edit"),
        mem_mb=8000,
        runtime=60,
    params:
        base=edit_base,
        edit=lambda wildcards: segmentation(wildcards).edits[wildcards.edit],
        config=settings("edit"),
        code=code("edit_scene"),
    message:
        "edit {wildcards.scene}: {wildcards.edit}"
    shell:
        'SPLATSMITH_CODE={params.code} "$PYTHON" -m splatsmith.base.gpu_lease {resources.gpu}'
        ' "$PYTHON" -u "$SCRIPTS"/edit_scene.py --edit {params.edit:q} --scene results/{wildcards.scene}/scene'
        " --gaussians {params.base:q}/point_cloud.ply --legend results/{wildcards.scene}/objects/legend.json"
        " --output results/{wildcards.scene}/edits/{wildcards.edit} --config {params.config:q} --threads {threads}"
        " 2>&1 | tee -i {log:q}"
