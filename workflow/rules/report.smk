# All results of a scene -> one page that opens from disk.
localrules:
    report,


rule report:
    input:
        every_scene("results/{scene}/report/index.html"),


rule write_report:
    input:
        objects_shown,
        "results/{scene}/scene/manifest.json",
        "results/{scene}/gaussians/point_cloud.ply",
        "results/{scene}/gaussians/metrics.jsonl",
        "results/{scene}/gaussians/training.png",
        "results/{scene}/renders/manifest.json",
    output:
        "results/{scene}/report/index.html",
    log:
        "logs/{scene}/report.log",
    benchmark:
        "results/{scene}/benchmarks/report.jsonl"
    threads: 1
    resources:
        gpu=0,
        mem_mb=2000,
        runtime=30,
    params:
        config=settings("report"),
        code=code("report"),
    message:
        "report {wildcards.scene}: {output}"
    shell:
        'SPLATSMITH_CODE={params.code} "$PYTHON" -u "$SCRIPTS"/report.py --results results/{wildcards.scene}'
        " --output {output:q} --config {params.config:q} 2>&1 | tee -i {log:q}"
