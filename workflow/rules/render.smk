# Gaussians -> held-out views with their metrics, and a turntable.
localrules:
    render,


rule render:
    input:
        every_scene("results/{scene}/renders/manifest.json"),


rule render_views:
    input:
        scene="results/{scene}/scene/manifest.json",
        gaussians="results/{scene}/gaussians/point_cloud.ply",
    output:
        "results/{scene}/renders/manifest.json",
    log:
        "logs/{scene}/render_views.log",
    benchmark:
        "results/{scene}/benchmarks/render_views.jsonl"
    threads: 8
    resources:
        gpu=gpus("render"),
        mem_mb=8000,
        runtime=120,
    params:
        config=settings("render"),
        code=code("render_views"),
    message:
        "render {wildcards.scene}"
    shell:
        'SPLATSMITH_CODE={params.code} "$PYTHON" -m splatsmith.base.gpu_lease {resources.gpu}'
        ' "$PYTHON" -u "$SCRIPTS"/render_views.py --scene results/{wildcards.scene}/scene'
        " --gaussians {input.gaussians:q} --output results/{wildcards.scene}/renders"
        " --config {params.config:q} --threads {threads} 2>&1 | tee -i {log:q}"
