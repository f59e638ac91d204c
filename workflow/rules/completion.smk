# A badly seen object -> the views that show it, a whole proxy, its place, its colours; and the scene with all of them.
localrules:
    complete,


wildcard_constraints:
    object=r"[a-z0-9][a-z0-9_-]*",


rule complete:
    input:
        every_completed_scene("results/{scene}/composed/manifest.json"),
        every_completed_scene("results/{scene}/composed_evaluation/manifest.json"),


rule select_views:
    input:
        scene="results/{scene}/scene/manifest.json",
        masks="results/{scene}/masks/consistent/manifest.json",
        objects="results/{scene}/objects/manifest.json",
    output:
        "results/{scene}/completion/{object}/views/manifest.json",
    log:
        "logs/{scene}/select_views_{object}.log",
    benchmark:
        "results/{scene}/benchmarks/select_views_{object}.jsonl"
    threads: 4
    resources:
        gpu=gpus("views"),
        mem_mb=8000,
        runtime=60,
    params:
        config=settings("views"),
        code=code("select_views"),
    message:
        "views {wildcards.scene}: {wildcards.object}"
    shell:
        'SPLATSMITH_CODE={params.code} "$PYTHON" -m splatsmith.base.gpu_lease {resources.gpu}'
        ' "$PYTHON" -u "$SCRIPTS"/select_views.py --scene results/{wildcards.scene}/scene'
        " --masks results/{wildcards.scene}/masks/consistent --objects results/{wildcards.scene}/objects"
        " --object {wildcards.object} --output results/{wildcards.scene}/completion/{wildcards.object}/views"
        " --config {params.config:q} --threads {threads} 2>&1 | tee -i {log:q}"


rule generate_proxy:
    input:
        scene="results/{scene}/scene/manifest.json",
        masks="results/{scene}/masks/consistent/manifest.json",
        objects="results/{scene}/objects/manifest.json",
        views="results/{scene}/completion/{object}/views/manifest.json",
        file=lambda wildcards: completion(wildcards).file,
    output:
        "results/{scene}/completion/{object}/proxy/manifest.json",
    log:
        "logs/{scene}/generate_proxy_{object}.log",
    benchmark:
        "results/{scene}/benchmarks/generate_proxy_{object}.jsonl"
    threads: 4
    resources:
        gpu=gpus("proxy"),
        mem_mb=8000,
        runtime=120,
    params:
        file=lambda wildcards: option("--file", completion(wildcards).file),
        models=PLAN.config.models.dir,
        config=settings("proxy"),
        code=code("generate_proxy"),
    message:
        "proxy {wildcards.scene}: {wildcards.object}"
    shell:
        'SPLATSMITH_CODE={params.code} "$PYTHON" -m splatsmith.base.gpu_lease {resources.gpu}'
        ' "$PYTHON" -u "$SCRIPTS"/generate_proxy.py --scene results/{wildcards.scene}/scene'
        " --masks results/{wildcards.scene}/masks/consistent --objects results/{wildcards.scene}/objects"
        " --object {wildcards.object} --views results/{wildcards.scene}/completion/{wildcards.object}/views"
        ' {params.file} --models {params.models:q} --tools "$TOOLS" --accept $ACCEPTED'
        " --output results/{wildcards.scene}/completion/{wildcards.object}/proxy"
        " --config {params.config:q} --threads {threads} 2>&1 | tee -i {log:q}"


rule truncate_proxy:
    input:
        "results/{scene}/completion/{object}/proxy/manifest.json",
    output:
        "results/{scene}/completion/{object}/truncated/manifest.json",
    log:
        "logs/{scene}/truncate_proxy_{object}.log",
    benchmark:
        "results/{scene}/benchmarks/truncate_proxy_{object}.jsonl"
    threads: 1
    resources:
        gpu=0,
        mem_mb=4000,
        runtime=10,
    params:
        config=settings("truncate"),
        code=code("truncate_proxy"),
    message:
        "truncate {wildcards.scene}: {wildcards.object}"
    shell:
        'SPLATSMITH_CODE={params.code} "$PYTHON" -u "$SCRIPTS"/truncate_proxy.py'
        " --proxy results/{wildcards.scene}/completion/{wildcards.object}/proxy"
        " --output results/{wildcards.scene}/completion/{wildcards.object}/truncated"
        " --config {params.config:q} 2>&1 | tee -i {log:q}"


rule align_proxy:
    input:
        scene="results/{scene}/scene/manifest.json",
        masks="results/{scene}/masks/consistent/manifest.json",
        objects="results/{scene}/objects/manifest.json",
        views="results/{scene}/completion/{object}/views/manifest.json",
        truncated="results/{scene}/completion/{object}/truncated/manifest.json",
        pose=lambda wildcards: completion(wildcards).pose,
    output:
        "results/{scene}/completion/{object}/aligned/manifest.json",
    log:
        "logs/{scene}/align_proxy_{object}.log",
    benchmark:
        "results/{scene}/benchmarks/align_proxy_{object}.jsonl"
    threads: 4
    resources:
        gpu=gpus("align"),
        mem_mb=8000,
        runtime=120,
    params:
        pose=lambda wildcards: option("--pose-override", completion(wildcards).pose),
        models=PLAN.config.models.dir,
        device=PLAN.config.models.device,
        config=settings("align"),
        code=code("align_proxy"),
    message:
        "align {wildcards.scene}: {wildcards.object}"
    shell:
        'SPLATSMITH_CODE={params.code} "$PYTHON" -m splatsmith.base.gpu_lease {resources.gpu}'
        ' "$PYTHON" -u "$SCRIPTS"/align_proxy.py --scene results/{wildcards.scene}/scene'
        " --masks results/{wildcards.scene}/masks/consistent --objects results/{wildcards.scene}/objects"
        " --object {wildcards.object} --views results/{wildcards.scene}/completion/{wildcards.object}/views"
        " --truncated results/{wildcards.scene}/completion/{wildcards.object}/truncated {params.pose}"
        ' --models {params.models:q} --device {params.device} --tools "$TOOLS" --accept $ACCEPTED'
        " --output results/{wildcards.scene}/completion/{wildcards.object}/aligned"
        " --config {params.config:q} --threads {threads} 2>&1 | tee -i {log:q}"


rule refine_proxy:
    input:
        scene="results/{scene}/scene/manifest.json",
        masks="results/{scene}/masks/consistent/manifest.json",
        objects="results/{scene}/objects/manifest.json",
        aligned="results/{scene}/completion/{object}/aligned/manifest.json",
    output:
        "results/{scene}/completion/{object}/refined/manifest.json",
    log:
        "logs/{scene}/refine_proxy_{object}.log",
    benchmark:
        "results/{scene}/benchmarks/refine_proxy_{object}.jsonl"
    threads: 4
    resources:
        gpu=gpus("refine"),
        mem_mb=8000,
        runtime=120,
    params:
        config=settings("refine"),
        code=code("refine_proxy"),
    message:
        "refine {wildcards.scene}: {wildcards.object}"
    shell:
        'SPLATSMITH_CODE={params.code} "$PYTHON" -m splatsmith.base.gpu_lease {resources.gpu}'
        ' "$PYTHON" -u "$SCRIPTS"/refine_proxy.py --scene results/{wildcards.scene}/scene'
        " --masks results/{wildcards.scene}/masks/consistent --objects results/{wildcards.scene}/objects"
        " --object {wildcards.object} --aligned results/{wildcards.scene}/completion/{wildcards.object}/aligned"
        " --output results/{wildcards.scene}/completion/{wildcards.object}/refined"
        " --config {params.config:q} --threads {threads} 2>&1 | tee -i {log:q}"


rule compose_scene:
    input:
        scene="results/{scene}/scene/manifest.json",
        masks="results/{scene}/masks/consistent/manifest.json",
        objects="results/{scene}/objects/manifest.json",
        refined=refined_objects,
    output:
        "results/{scene}/composed/manifest.json",
    log:
        "logs/{scene}/compose_scene.log",
    benchmark:
        "results/{scene}/benchmarks/compose_scene.jsonl"
    threads: 4
    resources:
        gpu=gpus("compose"),
        mem_mb=8000,
        runtime=60,
    params:
        refined=lambda wildcards, input: folders(input.refined),
        config=settings("compose"),
        code=code("compose_scene"),
    message:
        "compose {wildcards.scene}"
    shell:
        'SPLATSMITH_CODE={params.code} "$PYTHON" -m splatsmith.base.gpu_lease {resources.gpu}'
        ' "$PYTHON" -u "$SCRIPTS"/compose_scene.py --scene results/{wildcards.scene}/scene'
        " --masks results/{wildcards.scene}/masks/consistent --objects results/{wildcards.scene}/objects"
        " --refined {params.refined:q} --output results/{wildcards.scene}/composed"
        " --config {params.config:q} --threads {threads} 2>&1 | tee -i {log:q}"


rule evaluate_completion:
    input:
        scene="results/{scene}/scene/manifest.json",
        masks="results/{scene}/masks/consistent/manifest.json",
        objects="results/{scene}/objects/manifest.json",
        composed="results/{scene}/composed/manifest.json",
        refined=refined_objects,
        truth=lambda wildcards: segmentation(wildcards).truth,
    output:
        "results/{scene}/composed_evaluation/manifest.json",
    log:
        "logs/{scene}/evaluate_completion.log",
    benchmark:
        "results/{scene}/benchmarks/evaluate_completion.jsonl"
    threads: 4
    resources:
        gpu=gpus("evaluate_completion"),
        mem_mb=8000,
        runtime=60,
    params:
        source=scene_path,
        models=PLAN.config.models.dir,
        device=PLAN.config.models.device,
        refined=lambda wildcards, input: folders(input.refined),
        config=settings("evaluate_completion"),
        code=code("evaluate_completion"),
    message:
        "evaluate the completion of {wildcards.scene}"
    shell:
        'SPLATSMITH_CODE={params.code} "$PYTHON" -m splatsmith.base.gpu_lease {resources.gpu}'
        ' "$PYTHON" -u "$SCRIPTS"/evaluate_completion.py --scene results/{wildcards.scene}/scene'
        " --source {params.source:q} --masks results/{wildcards.scene}/masks/consistent"
        " --objects results/{wildcards.scene}/objects --composed results/{wildcards.scene}/composed"
        " --refined {params.refined:q} --models {params.models:q} --device {params.device}"
        " --output results/{wildcards.scene}/composed_evaluation --config {params.config:q} --threads {threads}"
        " 2>&1 | tee -i {log:q}"
